"""A staff that asks for reports, and what became of asking."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.report_desk import SqlReportDesk
from adapters.db.report_tables import report_askings, staff
from adapters.db.report_tables import reports as table
from adapters.db.reports import SqlReports
from adapters.db.tables import outbox
from domain.idempotency import Answer
from domain.report_generation import ReportFormat, ReportGenerationRequest, ReportName
from domain.report_ports import Asked
from domain.reports import ReportFile

FILE = ReportFile(key="files/1/sales.pdf", rows=3, bytes=4711, sha256="0" * 64)


def a_request(period: str = "2026-10", **fields: Any) -> ReportGenerationRequest:
    values = {"report": ReportName.sales_summary, "period": period, "format": ReportFormat.pdf}
    return ReportGenerationRequest.model_validate(values | {"time_zone": "Europe/Zurich"} | fields)


async def ask(
    desk: SqlReportDesk, request: ReportGenerationRequest, *, refresh: bool = False, client: str | None = None
) -> Asked:
    """What became of asking, without an answer to be kept."""
    became: list[Asked] = []

    def answer(asked: Asked) -> Answer:
        became.append(asked)
        return Answer(status=202, body="", location=None)

    await desk.ask(request, answer, refresh=refresh, client=client)
    return became[-1]


class Office:
    """The staff, its desk and its book, on a database of its own."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.desk = SqlReportDesk(engine)
        self.book = SqlReports(engine)

    async def ask(self, request: ReportGenerationRequest, *, refresh: bool = False, client: str | None = None) -> Asked:
        return await ask(self.desk, request, refresh=refresh, client=client)

    @classmethod
    async def open(cls, engine: AsyncEngine, members: int = 3) -> Office:
        people = [
            {"id": n, "name": f"Member {n}", "email": f"member{n}@example.com", "locale": "de_CH"}
            for n in range(1, members + 1)
        ]
        async with engine.begin() as connection:
            await connection.execute(insert(staff), people)
        return cls(engine)

    async def enqueued(self, kind: str) -> list[str]:
        """Ids of the enqueued jobs of a kind, sorted; one as often as it was enqueued."""
        async with self.engine.connect() as connection:
            statement = select(outbox.c.job_id).where(outbox.c.kind == kind).order_by(outbox.c.job_id)
            return list((await connection.execute(statement)).scalars())

    async def askings(self) -> list[tuple[int, int | None, str | None, bool]]:
        """Generation, member, client and whether the notice is enqueued, of each asking in the order of asking."""
        c = report_askings.c
        columns = table.c.generation, c.member_id, c.client, c.noticed_at.is_not(None)
        async with self.engine.connect() as connection:
            statement = select(*columns).join(table, table.c.id == c.report_id).order_by(c.id)
            return [tuple(row) for row in await connection.execute(statement)]

    async def count(self) -> int:
        """How many reports there are."""
        async with self.engine.connect() as connection:
            return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())

    async def run(self, statement: str, **values: Any) -> None:
        async with self.engine.begin() as connection:
            await connection.execute(text(statement), values)
