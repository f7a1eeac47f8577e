"""The benchmark of dead letters runs, and ends with its figures. How fast anything is, no test asserts."""

from __future__ import annotations

import asyncio
import json
import sys

from tests.worker.worker_process import clean_environment


async def test_the_benchmark_of_dead_letters_ends_with_one_json_object_that_has_all_figures() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.dead_letters", "--quick"),
        env=clean_environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()

    last = out.decode().rstrip().rpartition("\n")[2]
    assert last.startswith("{"), out.decode()
    figures = json.loads(last)
    assert process.returncode == (0 if figures["ok"] else 1)
    assert figures["sweep"]["first"]["recorded"] == figures["dead"]
    assert figures["sweep"]["nothing_changed"]["recorded"] == 0
    assert set(figures["commands_s"]) == {"list_50", "list_all_json", "groups"}
    assert figures["redrive"]["redriven"] > 0
    assert figures["redrive"]["a_second"] > 0
