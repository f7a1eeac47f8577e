"""Asking for reports by `jobs start`, by a process of its own, with real servers."""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from typer.main import get_group

from demo.ports import free_port
from domain.errors import InvalidRequest
from domain.report_ports import ReportBook, ReportMaker
from domain.requests import START_OPTIONS, option_name
from starter.cli.asking import ASKERS
from starter.cli.output import Output
from starter.cli.start import start_commands
from tests.adapters.db.report_shop import Office
from tests.fakes import FakeOrders, fake_ports
from tests.fakes_reports import FakeMaker
from tests.starter.commandline import CommandLine, Finished
from workflows.hosting import job_worker
from workflows.registry import registry

KIND = "report-generation"


@pytest.fixture
async def office(engine: AsyncEngine) -> Office:
    return await Office.open(engine)


class Desk:
    """`jobs start report-generation` for one period, and a worker for it."""

    def __init__(self, command_line: CommandLine, database: str, client: Client, office: Office) -> None:
        self._command_line = command_line
        self._database = database
        self._client = client
        self._office = office

    async def __call__(self, period: str, *options: object, **variables: str) -> Finished:
        request = ("--report", "sales-summary", "--format", "pdf", "--period", period)
        variables = {"DATABASE_URL": self._database, **variables}
        return await self._command_line("start", KIND, *request, *options, **variables)

    def worker(self, maker: FakeMaker) -> AbstractAsyncContextManager[object]:
        ports = fake_ports(FakeOrders()) | {ReportBook: self._office.book, ReportMaker: maker}
        return job_worker(self._client, "reports", registry, ports, drain=timedelta(seconds=1))


@pytest.fixture
def ask(command_line: CommandLine, database: str, client: Client, office: Office) -> Desk:
    return Desk(command_line, database, client, office)


async def test_one_report_is_made_for_all_who_ask_and_anew_where_that_is_wanted(ask: Desk, office: Office) -> None:
    job = f"{KIND}/sales-summary/2026-01/UTC/pdf"
    async with ask.worker(FakeMaker()):
        first = await ask("2026-01", "--requested-by", 1, "--wait")
        second = await ask("2026-01", "--requested-by", 2, "--wait", "--json")
        third = await ask("2026-01", "--refresh", "--wait", "--json")

    assert first.status == 0
    assert first.out.startswith(f"Started {job}/1 (run ")
    assert "\nDone: files/" in first.out
    assert "rows 300, bytes 3000" in first.out
    assert (second.status, second.document["id"], second.document["joined"]) == (0, f"{job}/1", True)
    assert (second.document["state"], second.document["report_state"]) == ("completed", "ready")
    assert (third.document["id"], third.document["joined"]) == (f"{job}/2", False)
    assert await office.askings() == [(1, 1, None, True), (1, 2, None, True)]
    assert len(await office.enqueued("report-notice")) == 2


@pytest.mark.long
async def test_asking_after_a_failure_makes_the_next_and_the_failed_one_is_run_anew_by_its_redrive(
    ask: Desk, office: Office
) -> None:
    job = f"{KIND}/sales-summary/2026-02/UTC/pdf"
    async with ask.worker(FakeMaker(script={1: [InvalidRequest("too many rows")]})):
        first = await ask("2026-02", "--wait")
        second = await ask("2026-02", "--wait")
        anew = await ask("2026-02", "--generation", 1, "--restart", "--wait", "--json")

    assert first.status == 1
    assert "InvalidRequest: too many rows" in first.err
    # What a failure tells people to paste.
    assert f"python -m starter dead redrive {job}/1" in first.err
    assert (second.status, second.out.partition(" (run ")[0]) == (0, f"Started {job}/2")
    assert (anew.document["id"], anew.document["started"], anew.document["state"]) == (f"{job}/1", True, "completed")
    assert "joined" not in anew.document
    assert await office.count() == 2


async def test_joining_a_report_that_is_being_made_says_so(ask: Desk) -> None:
    await ask("2026-03", "--no-check")
    joined = await ask("2026-03", "--no-check")
    assert joined.status == 0
    assert joined.out.startswith(f"Joined {KIND}/sales-summary/2026-03/UTC/pdf/1, which was asked for before: running")


async def test_what_is_asked_for_while_temporal_is_away_is_in_the_outbox(ask: Desk, office: Office) -> None:
    done = await ask("2026-04", TEMPORAL_ADDRESS=f"127.0.0.1:{free_port()}")

    assert done.status == 1
    assert f"{KIND}/sales-summary/2026-04/UTC/pdf/1 is asked for all the same" in done.err
    assert "Temporal does not answer" in done.err
    assert await office.enqueued(KIND) == [f"{KIND}/sales-summary/2026-04/UTC/pdf/1"]


@pytest.mark.long
async def test_what_cannot_be_asked_for_is_refused_with_what_to_do(ask: Desk, office: Office) -> None:
    nobody = await ask("2026-05", "--requested-by", 4711)
    early = await ask("2999-01")
    away = await ask("2026-05", DATABASE_URL=f"postgresql://u:secret@127.0.0.1:{free_port()}/shop")
    chosen = await ask("2026-05", "--generation", 1)
    late = await ask("2026-05", "--delay", "1h")

    assert (nobody.status, early.status, away.status, chosen.status, late.status) == (2, 1, 1, 2, 2)
    assert "--requested-by: nobody of the staff has the number 4711" in nobody.err
    assert "2999-01 has not begun" in early.err
    assert "Is PostgreSQL running at" in away.err
    assert "secret" not in away.err
    assert "--generation: is chosen for you" in chosen.err
    assert "--delay: cannot be given here" in late.err
    assert await office.count() == 0


def test_options_of_kinds_that_are_asked_for_are_no_other_options() -> None:
    group = get_group(start_commands(registry, Output("jobs", as_json=False)))
    for kind, asker in ASKERS.items():
        fields = registry.get(kind).request.model_fields
        flags = Counter(flag for option in group.commands[kind].params for flag in option.opts)
        own = set(flags) - START_OPTIONS - {option_name(field) for field in fields}
        assert own == {"--" + option.name for option in asker.options}
        assert set(flags.values()) == {1}
        assert asker.chosen in fields
