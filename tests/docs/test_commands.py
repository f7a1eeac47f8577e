"""The commands and the Python code of the pages, run as people would run them."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from domain.errors import JobError, RecipientRejected, ServiceUnavailable
from starter import JobDidNotComplete, Jobs, OrderConfirmationRequest
from starter.schedules import OWNER, declared
from starter.scheduling.actual import ActualSchedules
from starter.scheduling.applying import apply
from tests.docs.house import ROOT, failures
from tests.docs.pages import Block, blocks, pages
from tests.fakes import FakeMail, FakeOrders, an_order, fake_ports
from tests.worker.worker_process import WorkerProcess
from workflows.hosting import job_worker
from workflows.registry import registry

ALL = [block for page in pages() for block in blocks(page)]
OWN_TESTS = (
    "docs/adding-a-job.md",
    "docs/dead-letters.md",
    "docs/deploying.md",
    "docs/encryption.md",
    "docs/limits.md",
    "docs/production.md",
    "docs/reports.md",
    "docs/schedules.md",
    "docs/starting-jobs.md",
)
"""Pages whose examples have tests of their own."""
TOUR = next(block for block in ALL if "expectations were met" in block.text)
"""Compared with the tour in tests/demo/test_tour.py."""
HISTORIES = {block.text.splitlines()[0]: block for block in ALL if block.text.startswith("history of ")}

Serve = Callable[[FakeMail], Awaitable[None]]


def blocks_of(language: str) -> dict[str, list[Block]]:
    """Blocks by page, in the page's order."""
    found: dict[str, list[Block]] = {}
    for block in ALL:
        if block.language == language and block.page not in OWN_TESTS:
            found.setdefault(block.page, []).append(block)
    return found


@pytest.fixture
async def serve(client: Client) -> AsyncIterator[Serve]:
    """Starts a worker in this process, for two orders; waits before retries last a second."""
    running: list[asyncio.Task[None]] = []
    workers = []

    async def serve(mail: FakeMail) -> None:
        ports = fake_ports(FakeOrders(an_order(1042), an_order(1043)), mail=mail)
        worker = job_worker(
            client, "notifications", registry, ports, draw=lambda _low, _high: 1.0, drain=timedelta(seconds=1)
        )
        workers.append(worker)
        running.append(asyncio.create_task(worker.run()))

    yield serve
    await asyncio.gather(*(worker.shutdown() for worker in workers))
    await asyncio.gather(*running)


def test_every_block_is_of_a_language_that_is_run_or_compared() -> None:
    assert {block.language for block in ALL if block.page not in OWN_TESTS} <= {"python", "console", "text", "mermaid"}
    assert all(
        line.startswith("$ ") for block in ALL if block.language == "console" for line in block.text.splitlines()
    )
    texts = [block for block in ALL if block.language == "text" and block.page not in OWN_TESTS]
    assert texts == [TOUR, *HISTORIES.values()]


@pytest.mark.parametrize("page", blocks_of("python"))
async def test_the_code_of_a_page_runs(
    page: str,
    environment: dict[str, str],
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment.items():
        if name.startswith(("TEMPORAL_", "JOBS_")):
            monkeypatch.setenv(name, value)
    await serve(FakeMail())

    names: dict[str, object] = {
        "database_url": environment["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://")
    }
    for block in blocks_of("python")[page]:
        # The line numbers of the page, for the traceback.
        code = compile(
            "\n" * block.line + block.text, block.page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True
        )
        made = eval(code, names)  # noqa: S307  # our own page
        if inspect.iscoroutine(made):
            await made

    said = capsys.readouterr().out
    assert re.search(r"^True http://127\.0\.0\.1:\d+/namespaces/", said, re.MULTILINE)
    assert said.endswith("done\n")


@pytest.mark.parametrize("page", blocks_of("console"))
async def test_the_commands_of_a_page_succeed(page: str, environment: dict[str, str], serve: Serve) -> None:
    await serve(FakeMail())
    assert (
        await failures((command for block in blocks_of("console")[page] for command in block.commands), environment)
        == {}
    )


@pytest.mark.parametrize(
    ("title", "errors"),
    [
        ("history of a job that succeeds at once", []),
        (
            "history of a job whose mail was accepted at the second attempt",
            [ServiceUnavailable("451 4.3.0 at RCPT TO")],
        ),
        ("history of a job whose recipient was refused with 550", [RecipientRejected("550 5.1.1 at RCPT TO")]),
    ],
)
async def test_a_history_is_as_the_page_shows_it(
    client: Client, serve: Serve, title: str, errors: list[JobError]
) -> None:
    await serve(FakeMail(*errors))
    job = await Jobs(client).start(OrderConfirmationRequest, order_id=1042)
    with suppress(JobDidNotComplete):
        await job.result()

    history = await client.get_workflow_handle(job.id).fetch_history()

    events = [EventType.Name(event.event_type).removeprefix("EVENT_TYPE_") for event in history.events]
    assert [event.title().replace("_", "") for event in events] == [
        line.split()[0] for line in HISTORIES[title].text.splitlines()[1:]
    ]


async def test_a_worker_has_exactly_the_metrics_and_endpoints_of_the_page(
    environment: dict[str, str], client: Client
) -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    # Those below it are shown in tests/http_interface/test_metrics.py.
    of_workers, _, _ = page.partition("### Metrics of the HTTP interface")
    named = set(re.findall(r"^\| `(jobs_\w+)` \|", of_workers, re.MULTILINE))
    await apply(declared(), ActualSchedules(client), OWNER)
    worker = await WorkerProcess.start(environment)
    try:
        jobs = await Jobs.connect(
            target_host=environment["TEMPORAL_ADDRESS"], namespace=environment["TEMPORAL_NAMESPACE"]
        )
        await (await jobs.start(OrderConfirmationRequest, order_id=1042)).result()
        async with asyncio.timeout(20):
            metrics = ""
            while not all(last in metrics for last in ("jobs_queue_age_seconds", "jobs_schedule_missed_runs")):
                await asyncio.sleep(0.1)
                metrics = (await worker.get("/metrics")).text
        statuses = {
            path: (await worker.get(path)).status_code for path in re.findall(r"^- `(/\w+)`", page, re.MULTILINE)
        }
    finally:
        await worker.end()

    there = set(re.findall(r"^# TYPE (jobs_\w+) ", metrics, re.MULTILINE))
    assert there == named
    assert statuses == {"/healthz": 200, "/readyz": 200, "/metrics": 200}
