"""The rows of reports within a transaction: found, made and turned into what the domain knows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    DateTime,
    Row,
    Select,
    Text,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.db import outbox, tables
from adapters.db.report_tables import report_askings as askings
from adapters.db.report_tables import reports, staff
from adapters.db.statements import limit_waits
from domain.errors import InvalidRequest
from domain.report_generation import ReportGenerationRequest
from domain.report_notice import ReportNoticeRequest
from domain.reports import Report, ReportFile, ReportState

WAIT = timedelta(seconds=5)
"""How long a transaction waits for another one that has the same report in hand; those take milliseconds."""

now: Any = func.clock_timestamp(type_=DateTime(timezone=True))
"""When the statement runs, not when its transaction began: that may have waited for a lock."""

_LOCK = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("name", type_=Text), literal(0, BigInteger))))
_NOW = select(now)
_MEMBER = select(staff.c.id).where(staff.c.id == bindparam("member_id", type_=BigInteger))
_ADD_ASKING = insert(askings).returning(askings.c.id)


async def enter(connection: AsyncConnection, request: ReportGenerationRequest) -> datetime:
    """Be alone with all generations of a report until the transaction ends; returns the time by then.

    Raises InvalidRequest for a period that has not begun; PostgreSQL's error where the lock does not become free.
    """
    await limit_waits(connection, WAIT)
    name = f"report/{request.model_copy(update={'generation': 1}).business_id}"
    await connection.execute(_LOCK, {"name": name})
    moment: datetime = (await connection.execute(_NOW)).scalar_one()
    if not request.span.has_begun(moment, request.time_zone):
        raise InvalidRequest(f"The period {request.period} has not begun in the time zone {request.time_zone}.")
    return moment


def generations(request: ReportGenerationRequest) -> Select[Any]:
    """All generations of a report."""
    return select(reports).where(
        reports.c.report == str(request.report),
        reports.c.period == request.period,
        reports.c.time_zone == request.time_zone,
        reports.c.format == str(request.format),
    )


async def add(
    connection: AsyncConnection, request: ReportGenerationRequest, generation: int, as_of: datetime
) -> Report:
    """Add a report that is to be made."""
    values = {
        "report": str(request.report),
        "period": request.period,
        "time_zone": request.time_zone,
        "format": str(request.format),
        "generation": generation,
        "state": str(ReportState.requested),
        "as_of": as_of,
        "asked_at": as_of,
    }
    return report_of((await connection.execute(insert(reports).values(values).returning(reports))).one())


async def is_enqueued(connection: AsyncConnection, request: ReportGenerationRequest) -> bool:
    """Whether its job waits in the outbox, also as one that is refused for now."""
    c = tables.outbox.c
    # Who enqueues by SQL does not know the job's id, and may leave out what has a default.
    named = request.model_dump(mode="json", include={"report", "period", "format"})
    which = or_(c.job_id == request.workflow_id, and_(c.job_id.is_(None), c.payload.contains(named)))
    found = await connection.execute(select(exists().where(c.kind == request.kind, which)))
    return bool(found.scalar_one())


async def is_member(connection: AsyncConnection, member_id: int) -> bool:
    """Whether somebody of the staff has this number; who it is cannot be removed before the transaction ends."""
    statement = _MEMBER.with_for_update(read=True, key_share=True)
    return (await connection.execute(statement, {"member_id": member_id})).one_or_none() is not None


async def count_askings(connection: AsyncConnection, *conditions: Any) -> int:
    """How often somebody has asked so."""
    counting = select(func.count()).select_from(askings).where(*conditions)
    return int((await connection.execute(counting)).scalar_one())


async def add_asking(connection: AsyncConnection, report: Report, *, member_id: int | None, client: str | None) -> None:
    """Keep who asked. Where the report is ready, a member gets the link at once."""
    told = member_id is not None and report.state is ReportState.ready
    values = {
        "report_id": report.id,
        "member_id": member_id,
        "client": client,
        "noticed_at": now if told else None,
    }
    asking_id: int = (await connection.execute(_ADD_ASKING.values(values))).scalar_one()
    if told:
        await connection.execute(*outbox.statement([ReportNoticeRequest(asking_id=asking_id)]))


def report_of(row: Row[Any]) -> Report:
    """What the domain knows of a report; who asked is not part of it."""
    file = None
    if row.state == ReportState.ready:
        file = ReportFile(key=row.key, rows=row.rows, bytes=row.bytes, sha256=row.sha256)
    return Report(
        id=UUID(str(row.id)),
        request=ReportGenerationRequest(
            report=row.report,
            period=row.period,
            format=row.format,
            time_zone=row.time_zone,
            generation=row.generation,
        ),
        state=ReportState(row.state),
        as_of=row.as_of,
        asked_at=row.asked_at,
        file=file,
        finished_at=row.finished_at,
    )
