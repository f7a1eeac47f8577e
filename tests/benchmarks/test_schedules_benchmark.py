"""The schedules' benchmark runs, and ends with its figures. How fast anything is, no test asserts."""

from __future__ import annotations

import asyncio
import json
import sys

from tests.worker.worker_process import clean_environment


async def test_the_benchmark_ends_with_one_json_object_that_has_all_figures() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.schedules",
        "--quick",
        env=clean_environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()

    last = out.decode().rstrip().rpartition("\n")[2]
    assert last.startswith("{"), out.decode()
    figures = json.loads(last)
    assert process.returncode == (0 if figures["ok"] else 1)
    assert figures["scheduled_mails"]["dispatched_per_second"] > 0
    assert figures["scheduled_mails"]["ratio"] > 0
    cleanup = figures["session_cleanup"]
    assert cleanup["removed_per_second"] > 0
    for load in (cleanup["alone"], cleanup["meanwhile"]):
        assert load["reads"] > 0
        assert 0 <= load["write_p50_ms"] <= load["write_longest_ms"]
        assert load["writer_longest_lock_wait_ms"] >= 0
