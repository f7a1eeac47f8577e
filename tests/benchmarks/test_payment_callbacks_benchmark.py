"""The benchmark of payment callbacks runs, and ends with its figures. How fast anything is, no test asserts."""

from __future__ import annotations

import asyncio
import json
import sys

from tests.worker.worker_process import clean_environment


async def test_the_benchmark_of_callbacks_ends_with_one_json_object_that_has_all_figures() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.payment_callbacks", "--quick"),
        env=clean_environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()

    last = out.decode().rstrip().rpartition("\n")[2]
    assert last.startswith("{"), out.decode()
    figures = json.loads(last)
    assert process.returncode == (0 if figures["ok"] else 1)
    for side in ("receiver", "bare_endpoint"):
        assert figures[side]["per_second"] > 0
        assert 0 < figures[side]["p50_ms"] <= figures[side]["p99_ms"]
    assert figures["per_second_to_bare"] > 0
    assert figures["at_50_per_second"]["p99_ms"] > 0
    assert figures["kept"] == [figures["sent"]] * 2
