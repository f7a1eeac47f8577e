"""Who asks for reports, about orders of October 2026, and what came of that where it arrives."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections import Counter
from pathlib import Path
from uuid import UUID

import asyncpg
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from adapters.db.report_desk import SqlReportDesk
from adapters.db.report_tables import staff
from demo.inbox.reader import InboxReader
from domain.outcomes import Outcome
from domain.report_generation import ReportFormat, ReportGenerationRequest, ReportName
from domain.reports import Report
from starter import JobNotFound, Jobs
from starter.handle import JobHandle
from tests.adapters.db.report_shop import ask

PATIENCE = 90
"""Seconds until what is waited for counts as lost."""

ADA, BO = 1, 2
_LINK = re.compile(r"/reports/([0-9a-f-]{36})/file\?token=")

_ORDERS = """
WITH buyer AS (
    INSERT INTO customers (name, email, locale) VALUES ('Zoë Żółć', 'zoe@example.com', 'de_CH') RETURNING id
), placed AS (
    INSERT INTO orders (customer_id, currency, total, placed_at)
    SELECT buyer.id, 'EUR', 300, timestamptz '2026-10-01 00:00+00' + n * interval '30 days' / (:orders)
    FROM buyer, generate_series(0, :orders - 1) AS n
    RETURNING id
)
INSERT INTO order_items (order_id, position, name, quantity, unit_price)
SELECT placed.id, position, 'Thing ' || position, 1, 100 FROM placed, generate_series(1, 3) AS position
"""


class Office:
    def __init__(self, engine: AsyncEngine, client: Client, inbox: InboxReader, folder: Path) -> None:
        self.engine = engine
        self.client = client
        self.inbox = inbox
        self.folder = folder
        self.desk = SqlReportDesk(engine)
        self.jobs = Jobs(client)

    @classmethod
    async def open(cls, engine: AsyncEngine, client: Client, inbox: InboxReader, folder: Path) -> Office:
        members = [
            {"id": ADA, "name": "Ada", "email": "ada@office.test", "locale": "en_GB"},
            {"id": BO, "name": "Bo", "email": "bo@office.test", "locale": "de_DE"},
        ]
        async with engine.begin() as connection:
            await connection.execute(insert(staff), members)
        return cls(engine, client, inbox, folder)

    async def sells(self, orders: int) -> None:
        """Orders of three lines each, evenly over October 2026."""
        async with self.engine.begin() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            assert isinstance(driver, asyncpg.Connection)
            await driver.execute(_ORDERS.replace(":orders", str(orders)), timeout=120)  # a busy machine takes its time

    async def asks(self, member: int = ADA, format_: ReportFormat = ReportFormat.csv) -> Report:
        request = ReportGenerationRequest(
            report=ReportName.orders_export, period="2026-10", format=format_, requested_by=member
        )
        return (await ask(self.desk, request)).report

    async def handle(self, report: Report) -> JobHandle:
        """Of its job, once the relay has started it."""
        handle = self.jobs.of(report.request)
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    await handle.status()
                except JobNotFound:
                    await asyncio.sleep(0.05)
                else:
                    return handle

    async def ends(self, report: Report) -> Outcome:
        handle = await self.handle(report)
        async with asyncio.timeout(PATIENCE):
            return await handle.result()

    async def now(self, report: Report) -> Report:
        found = await self.desk.find(report.id)
        assert found is not None
        return found

    def files(self) -> list[str]:
        """What is in the folder: `files/<id>/<name>`, `parts/<id>/<number>`."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())

    async def lines(self, report: Report) -> list[dict[str, str]]:
        """The lines of the finished CSV."""
        found = await self.now(report)
        assert found.file is not None
        content = (self.folder / found.file.key).read_bytes()
        assert len(content) == found.file.bytes
        return list(csv.DictReader(io.StringIO(content.decode(), newline="")))

    async def notices(self, member: str) -> Counter[UUID]:
        """Links that a member got, by report."""
        mails = [await self.inbox.open(mail.id) for mail in await self.inbox.mails(f"{member}@office.test")]
        return Counter(UUID(link) for mail in mails for link in _LINK.findall(mail.text or ""))

    async def hears(self, member: str, report_id: UUID, times: int = 1) -> None:
        """Return once a member got so many links to the report."""
        async with asyncio.timeout(PATIENCE):
            while (await self.notices(member))[report_id] < times:  # noqa: ASYNC110  # an inbox tells nobody by itself
                await asyncio.sleep(0.1)

    async def attempts(self, report: Report) -> Counter[tuple[str, int]]:
        """Attempts that ended well: step and number → how many such activities."""
        history = await self.client.get_workflow_handle(report.request.workflow_id).fetch_history()
        types, numbers = {}, {}
        ended: Counter[tuple[str, int]] = Counter()
        for event in history.events:
            match event.event_type:
                case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                    types[event.event_id] = event.activity_task_scheduled_event_attributes.activity_type.name
                case EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
                    begun = event.activity_task_started_event_attributes
                    numbers[begun.scheduled_event_id] = begun.attempt
                case EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                    scheduled = event.activity_task_completed_event_attributes.scheduled_event_id
                    ended[types[scheduled], numbers[scheduled]] += 1
        return ended
