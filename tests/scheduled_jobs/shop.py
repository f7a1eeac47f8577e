"""A shop with sessions, scheduled mails and monthly reports; what schedules start, and what came of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client, ScheduleBackfill, ScheduleHandle, ScheduleOverlapPolicy

from domain.outcomes import Outcome
from domain.scheduling import ScheduledRequest
from starter import JobDidNotComplete, JobNotFound, Jobs
from starter.schedules import Schedule
from tests.outbox.processes import FULL
from tests.smtp_server import SmtpServer
from workflows.registry import registry

_OUTCOME: TypeAdapter[Outcome] = TypeAdapter(Outcome)

PATIENCE = 900 if FULL else 90
"""Seconds until what is waited for counts as lost."""


class Shop:
    """The application's side, on a database and a namespace of its own."""

    def __init__(self, engine: AsyncEngine, client: Client, mail_server: SmtpServer) -> None:
        self.engine = engine
        self.client = client
        self.mail_server = mail_server
        self.jobs = Jobs(client)

    async def open(self) -> None:
        await self.run(
            "INSERT INTO staff (id, name, email, locale) VALUES (1, 'Ada', 'ada@example.com', 'en_GB'),"
            " (2, 'Bob', 'bob@example.com', 'de_CH')"
        )

    async def run(self, statement: str, **values: object) -> None:
        async with self.engine.begin() as connection:
            await connection.execute(text(statement), values)

    async def rows(self, query: str, **values: object) -> list[tuple[Any, ...]]:
        async with self.engine.connect() as connection:
            return [tuple(row) for row in await connection.execute(text(query), values)]

    async def number(self, query: str, **values: object) -> int:
        return int((await self.rows(query, **values))[0][0])

    async def add_sessions(self, number: int, expires: str) -> None:
        """So many, `expires` from now."""
        await self.run(
            "INSERT INTO sessions (id, expires_at)"
            " SELECT :expires || n, now() + CAST(CAST(:expires AS text) AS interval)"
            " FROM generate_series(1, CAST(:number AS int)) n",
            expires=expires,
            number=number,
        )

    async def add_mails(self, number: int, due: str = "-1 minute", address: str = "customer{}@example.com") -> None:
        """So many, each to a customer of its own, `due` from now."""
        before, after = address.split("{}")
        await self.run(
            "WITH added AS (INSERT INTO customers (name, email, locale)"
            "   SELECT 'Customer ' || n, CAST(:before AS text) || n || CAST(:after AS text), 'en_GB'"
            "   FROM generate_series(1, :number) n"
            "   RETURNING id)"
            " INSERT INTO scheduled_emails (customer_id, subject, text, due_at)"
            " SELECT id, 'Your week', 'Hello', now() + CAST(CAST(:due AS text) AS interval) FROM added",
            number=number,
            before=before,
            after=after,
            due=due,
        )

    def mails(self) -> Counter[str]:
        """Mails that were accepted, by recipient."""
        return Counter(mail.recipients[0] for mail in self.mail_server.mails)

    async def mail_of(self, address: str) -> int:
        return await self.number(
            "SELECT scheduled_emails.id FROM scheduled_emails JOIN customers ON customers.id = customer_id"
            " WHERE email = :address",
            address=address,
        )

    async def unsent(self) -> int:
        return await self.number("SELECT count(*) FROM scheduled_emails WHERE sent_at IS NULL")

    async def asked_reports(self) -> list[tuple[Any, ...]]:
        """Period, time zone and member of each asking."""
        return sorted(
            await self.rows(
                "SELECT period, time_zone, member_id FROM reports JOIN report_askings ON report_id = reports.id"
            )
        )

    async def fails(self, job_id: str) -> JobDidNotComplete:
        """How a job fails, which may not have been started yet."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    await self.jobs.of(job_id).result()
                except JobNotFound:
                    await asyncio.sleep(0.05)
                except JobDidNotComplete as failed:
                    return failed

    async def schedule(self, name: str, request: ScheduledRequest, cron: str) -> ScheduleHandle:
        """A paused schedule as the project makes them. Runs may overlap, the worst case."""
        overlap = ScheduleOverlapPolicy.ALLOW_ALL
        row = Schedule(name, request, cron=cron, time_zone=request.time_zone, overlap=overlap)
        schedule = row.for_temporal(registry.of(request))
        schedule.state.paused = True
        return await self.client.create_schedule(name, schedule)

    async def runs_of(self, name: str, number: int) -> dict[str, list[Outcome]]:
        """What the runs of a schedule came to, by the moment in their ids, once so many have ended."""
        query = f"TemporalScheduledById = '{name}'"
        await becomes(lambda: self._ended(query), number)
        found: dict[str, list[Outcome]] = {}
        runs = [run async for run in self.client.list_workflows(query)]
        for run in sorted(runs, key=lambda run: run.start_time):
            told = await self.client.get_workflow_handle(run.id, run_id=run.run_id).result()
            found.setdefault(run.id.partition(f"{name}-")[2], []).append(_OUTCOME.validate_python(told))
        return found

    async def _ended(self, query: str) -> int:
        return (await self.client.count_workflows(f"{query} AND ExecutionStatus != 'Running'")).count


async def backfill(
    handle: ScheduleHandle, first: str, last: str, overlap: ScheduleOverlapPolicy = ScheduleOverlapPolicy.ALLOW_ALL
) -> None:
    start, end = datetime.fromisoformat(first), datetime.fromisoformat(last)
    await handle.backfill(ScheduleBackfill(start_at=start, end_at=end, overlap=overlap))


async def becomes(look: Callable[[], Awaitable[object]], wanted: object = True) -> None:
    """Return once one sees what is wanted."""
    async with asyncio.timeout(PATIENCE):
        while await look() != wanted:  # noqa: ASYNC110  # none of those who are asked tells by itself
            await asyncio.sleep(0.05)


def references(outcomes: Sequence[Outcome]) -> list[str | None]:
    """What they say that they did, or why they did nothing."""
    return [getattr(outcome, "reference", None) or getattr(outcome, "reason", None) for outcome in outcomes]
