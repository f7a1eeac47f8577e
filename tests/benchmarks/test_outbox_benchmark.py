"""The outbox's benchmark runs, and ends with its figures. How fast anything is, no test asserts."""

from __future__ import annotations

import asyncio
import json
import sys

from tests.worker.worker_process import clean_environment


async def test_the_benchmark_ends_with_one_json_object_that_has_all_figures() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.outbox",
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
    for shape in ("one_connection", "ten_connections", "in_one_transaction"):
        assert figures["rows_accepted"][shape]["job_per_second"] > 0
        assert figures["rows_accepted"][shape]["with_job_to_without"] > 0
    assert figures["relay"]["ratio"] > 0
    for load in ("idle", "at_50_per_second"):
        commit = figures["from_the_commit"][load]
        assert 0 < commit["to_start_p50_ms"] <= commit["to_start_p99_ms"]
        assert commit["to_start_p50_ms"] < commit["to_mail_p50_ms"]
        assert 0 <= commit["eager_share"] <= 1
    assert figures["from_the_commit"]["mail_p50_to_plain"] > 0
    assert figures["mails_sent_twice"] == 0
