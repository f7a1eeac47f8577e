"""Every process ends with the status that it should: a short version of `tests/starter/clean_exits.py`."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest
from temporalio.client import Client

from demo.stack import Stack
from starter import Jobs, OrderConfirmationRequest
from tests.starter.clean_exits import Program, measure


@pytest.mark.long
async def test_commands_and_worker_end_cleanly_each_time(stack: Stack, client: Client, database: str) -> None:
    environment = {**stack.environment(), "TEMPORAL_NAMESPACE": client.namespace, "DATABASE_URL": database}

    tally = await measure(environment, 1, first_order=2_000_000_000)

    assert tally.unclean == []
    assert tally.summary()["runs"] == 5


async def test_an_end_with_another_status_or_a_traceback_counts_as_unclean() -> None:
    program = Program({})

    await program.ends("abort", "-c", "import os; os.abort()")
    await program.ends("traceback", "-c", "import sys; sys.stderr.write('Traceback'); sys.exit(0)")
    await program.ends("fine", "-c", "print('all well')")

    assert [line.partition(":")[0] for line in program.tally.unclean] == ["abort", "traceback"]


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
