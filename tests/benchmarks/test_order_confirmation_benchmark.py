"""The benchmark of order confirmations runs, and ends with its figures. How fast anything is, no test asserts."""

from __future__ import annotations

import asyncio
import json
import sys

from tests.worker.worker_process import clean_environment


async def test_the_benchmark_of_confirmations_ends_with_one_json_object_that_has_all_figures() -> None:
    few = ("--rounds", "1", "--jobs", "20", "--alone", "2", "--at-rate", "5")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.order_confirmation", *few),
        env=clean_environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()

    last = out.decode().rstrip().rpartition("\n")[2]
    assert last.startswith("{"), out.decode()
    figures = json.loads(last)
    assert process.returncode == (0 if figures["ok"] else 1)
    assert figures["mails_sent_twice"] == 0
    assert 0 < figures["this_worker"]["events"] <= figures["targets"]["events"]
    for side in ("this_worker", "plain_worker"):
        assert figures[side]["jobs_per_second"] > 0
        assert figures[side]["p50_ms"] > 0
    assert figures["throughput_ratio"] > 0
