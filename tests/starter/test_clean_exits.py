"""Every process ends with the status that it should, in time and without a crash on its way out.

The SDK's core has threads that outlive the event loop: a process that takes the interpreter's own way out aborts,
crashes (134, 139) or hangs now and then. With `CRASH_RUNS=full` each one ends 100 times.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import Mapping
from itertools import count
from pathlib import Path

import pytest
from temporalio.client import Client

from demo.stack import Stack
from starter import Jobs, OrderConfirmationRequest
from tests.outbox.processes import FULL, said
from tests.worker.worker_process import WorkerProcess, clean_environment

pytestmark = pytest.mark.timeout(7200 if FULL else 180)

TIMES = 100 if FULL else 1
LIMIT_S = 60.0
"""A process that takes longer hangs."""
ROOT = Path(__file__).parents[2]
_CRASH = re.compile(r"Traceback|Fatal Python error|panicked|core dumped|Segmentation fault|Aborted")


async def wrong_end(
    environment: Mapping[str, str],
    *arguments: str,
    status: int = 0,
    says: str = "",
    then: signal.Signals | None = None,
) -> str | None:
    """Run a Python program, send a signal to it once it `says` something; return what is wrong with its end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            if then is not None:
                await said(process, says)
                process.send_signal(then)
            out, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.communicate()
        return f"{arguments}: did not end"
    text = out.decode(errors="replace")
    if process.returncode == status and not _CRASH.search(text):
        return None
    return f"{arguments}: exit status {process.returncode} instead of {status}: {text[-500:]}"


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ("sync 1 --wait 60", 130),
        ("sync 2 --fork", 3),
        ("async 50", 0),
        *(
            pytest.param(*each, marks=pytest.mark.long)
            for each in (
                ("sync 1", 3),
                ("sync 50", 0),
                ("sync 1 --wait 0.2", 3),
                ("async 1", 3),
                ("async 1 --wait 0.2", 3),
            )
        ),
    ],
)
async def test_a_program_that_closes_nothing_ends_with_its_own_status(
    stack: Stack, client: Client, order_id: int, arguments: str, status: int
) -> None:
    environment = {**stack.environment(), "TEMPORAL_NAMESPACE": client.namespace}
    interrupted = status == 130
    for number in range(TIMES):
        problem = await wrong_end(
            environment,
            *("-m", "tests.starter.ending", *arguments.split(), "--status", str(0 if interrupted else status)),
            *("--first-order", str(order_id * 1_000_000_000 + number * 1000)),
            status=status,
            says="waits",
            then=signal.SIGINT if interrupted else None,
        )
        assert problem is None


@pytest.mark.long
async def test_commands_and_worker_end_cleanly_each_time(stack: Stack, client: Client, database: str) -> None:
    environment = {
        **stack.environment(),
        "TEMPORAL_NAMESPACE": client.namespace,
        "DATABASE_URL": database,
        "WORKER_HTTP_PORT": "0",
        "WORKER_LOG_FORMAT": "json",
    }
    orders = count(2_000_000_000)

    def start(*options: str) -> tuple[str, ...]:
        return ("-m", "starter", "start", "order-confirmation", "--order-id", str(next(orders)), *options)

    worker = await WorkerProcess.start({**clean_environment(), **environment})
    await worker.takes_jobs()
    try:
        for _ in range(TIMES):
            assert await wrong_end(environment, *start()) is None
            assert await wrong_end(environment, *start("--wait")) is None
            waiting, sigint = start("--wait", "--delay", "1h"), signal.SIGINT
            assert await wrong_end(environment, *waiting, status=130, says="/workflows/", then=sigint) is None
            assert await wrong_end(environment, "-m", "starter", "list") is None
            assert await wrong_end(environment, "worker.py", says='"action": "start"', then=signal.SIGTERM) is None
    finally:
        await worker.end()


async def test_an_end_with_another_status_or_a_traceback_counts_as_wrong() -> None:
    assert await wrong_end({}, "-c", "import os; os.abort()")
    assert await wrong_end({}, "-c", "import sys; sys.stderr.write('Traceback'); sys.exit(0)")
    assert await wrong_end({}, "-c", "print('all well')") is None


async def test_a_reader_who_leaves_early_is_no_failure(stack: Stack, jobs: Jobs, order_id: int) -> None:
    await jobs.start(OrderConfirmationRequest, order_id=order_id)
    environment = {**os.environ, **stack.environment(), "TEMPORAL_NAMESPACE": jobs.client.namespace}

    process = await asyncio.create_subprocess_shell(
        # The reader closes the pipe before anything is written into it.
        f"{{ {sys.executable} -m starter list --limit 1000 --json; echo status $? >&2; }} | true",
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await process.communicate()

    assert err.decode() == "status 141\n"
