"""How far a job is: by its handle, `jobs status`, and the bar of `jobs start … --wait`."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from rich.console import Console
from temporalio.client import Client

from domain.progress import Progress
from domain.report_generation import ReportGenerationRequest
from domain.report_ports import ReportBook, ReportMaker
from starter import JobHandle, Jobs, JobState, OrderConfirmationRequest
from starter.cli.job import details
from starter.cli.progress import shown, told, with_bar
from tests.fakes import FakeOrders, fake_ports
from tests.fakes_reports import FakeBook, FakeMaker
from tests.starter.commandline import CommandLine
from tests.starter.serving import Serving
from workflows.hosting import job_worker
from workflows.registry import registry

HALF = Progress(done=150, of=200, unit="rows")
"""One of two parts of 100 rows is written, and half of the other, which hangs."""


@asynccontextmanager
async def half_done(client: Client, jobs: Jobs, period: str, *, cancel: bool = True) -> AsyncIterator[JobHandle]:
    """A report that has come so far, and goes no further; it is cancelled at the end, and its worker gone."""
    request = ReportGenerationRequest.model_validate({"report": "orders-export", "period": period, "format": "csv"})
    ports = fake_ports(FakeOrders()) | {ReportBook: FakeBook(), ReportMaker: FakeMaker(2, hangs=frozenset({1}))}
    async with job_worker(client, "reports", registry, ports, drain=timedelta(seconds=1)):
        handle = await jobs.start(request)
        async with asyncio.timeout(30):
            while await handle.progress() != HALF:  # noqa: ASYNC110  # the server tells nobody by itself
                await asyncio.sleep(0.05)
        yield handle
        if cancel:
            await handle.cancel()


async def test_a_running_report_tells_how_far_it_is_with_what_its_attempts_told_since(
    client: Client, jobs: Jobs, command_line: CommandLine
) -> None:
    async with half_done(client, jobs, "2026-01") as handle:
        text = await command_line("status", handle.id)
        document = (await command_line("status", handle.id, "--json")).document
        status = await handle.status()
        shown_as = dict(details(status, for_terminal=True))
        with io.StringIO() as screen:
            console = Console(file=screen, force_terminal=True, width=140)
            async with shown(handle, console), asyncio.timeout(30):
                while "150 of 200 rows" not in screen.getvalue():  # noqa: ASYNC110  # a bar is drawn by a thread
                    await asyncio.sleep(0.05)

    assert "150 of 200 rows (75 %)" in text.out
    assert document["progress"] == {"done": 150, "of": 200, "unit": "rows"}
    assert status.progress == HALF
    assert shown_as["progress"] == with_bar(HALF)


async def test_a_job_without_a_worker_or_of_a_short_kind_tells_nothing(
    jobs: Jobs, serving: Serving, order_id: int
) -> None:
    request = ReportGenerationRequest.model_validate({"report": "orders-export", "period": "2026-02", "format": "csv"})
    waiting = await jobs.start(request)
    confirmation = await jobs.start(OrderConfirmationRequest(order_id=order_id))
    async with serving(order_id):
        await confirmation.result()

    assert await waiting.progress() is None
    assert (await waiting.status()).progress is None
    assert await confirmation.progress() is None


async def test_a_job_whose_worker_is_gone_is_shown_without_its_progress(client: Client, jobs: Jobs) -> None:
    async with half_done(client, jobs, "2026-03", cancel=False) as handle:
        pass
    assert await handle.progress() is None
    status = await handle.status()
    assert (status.state, status.progress) == (JobState.running, None)
    assert "progress" not in dict(details(status))


@pytest.mark.parametrize(
    ("done", "of", "text", "filled"),
    [
        (0, 0, "0 of 0 rows (0 %)", 0),
        (0, 10, "0 of 10 rows (0 %)", 0),
        (999_999, 1_000_000, "999,999 of 1,000,000 rows (99 %)", 29),
        (10, 10, "10 of 10 rows (100 %)", 30),
    ],
)
def test_progress_is_never_told_as_more_than_it_is(done: int, of: int, text: str, filled: int) -> None:
    progress = Progress(done=done, of=of)
    assert told(progress) == text
    assert with_bar(progress).plain == "━" * 30 + "  " + text
    assert len(with_bar(progress).spans) == 2 - (filled in (0, 30))
