"""The rows of reports, for the jobs that make them, tell of them and remove them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, DateTime, Integer, Text, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import UUID as UUID_TYPE
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.db import outbox, report_rows
from adapters.db.report_tables import report_askings as askings
from adapters.db.report_tables import reports, staff
from adapters.db.statements import Statements, twice
from domain.errors import InvalidRequest, NotFound, ServiceUnavailable
from domain.report_generation import ReportGenerationRequest
from domain.report_notice import ReportNoticeRequest
from domain.report_ports import Asking, EndedAs, Member
from domain.reports import Report, ReportFile, ReportState

_id: Any = bindparam("report_id", type_=UUID_TYPE)
_ids: Any = bindparam("report_ids", type_=ARRAY(UUID_TYPE))

_RUNS_ANEW = (ReportState.failed, ReportState.cancelled)

_ENDED = (
    update(reports)
    .where(reports.c.id == _id, reports.c.state == str(ReportState.requested))
    .values(state=bindparam("ended_as", type_=Text), finished_at=report_rows.now)
    .returning(reports.c.id)
)
_REMOVED = (
    update(reports)
    .where(reports.c.id == _id, reports.c.state == str(ReportState.ready))
    .values(state=str(ReportState.removed))
    .returning(reports.c.id)
)
_OUTDATED = (
    select(reports)
    .where(
        reports.c.state == str(ReportState.ready),
        reports.c.finished_at < bindparam("before", type_=DateTime(timezone=True)),
    )
    .order_by(reports.c.finished_at)
    .limit(bindparam("most", type_=Integer))
)
_UNFINISHED = (
    select(reports)
    .where(
        reports.c.state == str(ReportState.requested),
        reports.c.asked_at < bindparam("before", type_=DateTime(timezone=True)),
        reports.c.id > bindparam("after", type_=UUID_TYPE),
    )
    .order_by(reports.c.id)
    .limit(bindparam("most", type_=Integer))
)
_FIRST = UUID(int=0)
_MADE = select(reports.c.id).where(reports.c.id == func.any(_ids), reports.c.state == str(ReportState.requested))
_ENDED_AMONG = select(reports).where(
    reports.c.id == func.any(_ids), reports.c.state.in_([str(state) for state in _RUNS_ANEW])
)
_ASKING = (
    select(reports, *(staff.c[name].label(f"member_{name}") for name in ("id", "name", "email", "locale")))
    .join(askings, askings.c.report_id == reports.c.id)
    .join(staff, staff.c.id == askings.c.member_id)
    .where(askings.c.id == bindparam("asking_id", type_=BigInteger))
)

_HELD = timedelta(seconds=3)
"""For what is done with a report's lock, by `report_rows.WAIT`."""

T = TypeVar("T")


class SqlReports:
    """Implements `domain.report_ports.ReportBook`."""

    def __init__(self, engine: AsyncEngine, held: timedelta = _HELD) -> None:
        """Share the engine's pool. `held`: the limit of what is done with a report's lock."""
        self._engine = engine
        self._held = held
        self._statements = Statements(engine)

    async def open(self, request: ReportGenerationRequest) -> Report:
        """See `domain.report_ports.ReportBook`."""
        return await self._in_transaction(lambda connection: _open(connection, request))

    async def reopen(self, report_id: UUID) -> Report:
        """See `domain.report_ports.ReportBook`."""
        return await self._in_transaction(lambda connection: _reopen(connection, report_id))

    async def ready(self, report_id: UUID, file: ReportFile) -> None:
        """See `domain.report_ports.ReportBook`. Raises NotFound where the row is gone."""
        await self._in_transaction(lambda connection: _ready(connection, report_id, file))

    async def ended(self, report_id: UUID, state: ReportState) -> None:
        """See `domain.report_ports.ReportBook`."""
        if state not in _RUNS_ANEW:
            raise InvalidRequest(f"A report's job does not end as {state}, but as failed or cancelled.")
        await self._statements.rows(_ENDED, report_id=report_id, ended_as=str(state))

    async def asking(self, asking_id: int) -> Asking | None:
        """See `domain.report_ports.ReportBook`."""
        rows = await self._statements.rows(_ASKING, asking_id=asking_id)
        if not rows:
            return None
        row = rows[0]
        member = Member(id=row.member_id, name=row.member_name, email=row.member_email, locale=row.member_locale)
        return Asking(id=asking_id, report=report_rows.report_of(row), member=member)

    async def outdated(self, before: datetime, limit: int) -> Sequence[Report]:
        """See `domain.report_ports.ReportBook`."""
        return [report_rows.report_of(row) for row in await self._statements.rows(_OUTDATED, before=before, most=limit)]

    async def removed(self, report_id: UUID) -> None:
        """See `domain.report_ports.ReportBook`."""
        await self._statements.rows(_REMOVED, report_id=report_id)

    async def unfinished(self, before: datetime, limit: int, after: UUID | None = None) -> Sequence[Report]:
        """See `domain.report_ports.ReportBook`."""
        rows = await self._statements.rows(_UNFINISHED, before=before, most=limit, after=after or _FIRST)
        return [report_rows.report_of(row) for row in rows]

    async def settle(self, report: Report, ended_as: EndedAs) -> ReportState | None:
        """See `domain.report_ports.ReportBook`. `ended_as` must answer within some seconds."""
        return await self._in_transaction(lambda connection: _settle(connection, report, ended_as))

    async def idle_among(self, report_ids: Sequence[UUID]) -> Sequence[UUID]:
        """See `domain.report_ports.ReportBook`."""
        made = {UUID(str(row.id)) for row in await self._statements.rows(_MADE, report_ids=list(report_ids))}
        return [report_id for report_id in report_ids if report_id not in made]

    async def ended_among(self, report_ids: Sequence[UUID]) -> Sequence[Report]:
        """See `domain.report_ports.ReportBook`."""
        rows = await self._statements.rows(_ENDED_AMONG, report_ids=list(report_ids))
        return [report_rows.report_of(row) for row in rows]

    async def while_ended(self, report: Report, call: Callable[[], Awaitable[None]]) -> bool:
        """See `domain.report_ports.ReportBook`. Raises ServiceUnavailable where the call takes too long."""
        return await self._in_transaction(lambda connection: _while_ended(connection, report, call, self._held))

    async def _in_transaction(self, call: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        async def begun() -> T:
            async with self._engine.begin() as connection:
                return await call(connection)

        # Whatever runs so has the same effect the second time.
        return await twice(begun)


async def _open(connection: AsyncConnection, request: ReportGenerationRequest) -> Report:
    moment = await report_rows.enter(connection, request)
    this = report_rows.generations(request).where(reports.c.generation == request.generation)
    row = (await connection.execute(this.with_for_update(key_share=True))).one_or_none()
    if row is None:
        report = await report_rows.add(connection, request, request.generation, moment)
    elif row.state in _RUNS_ANEW:
        anew = update(reports).where(reports.c.id == row.id)
        values = {"state": str(ReportState.requested), "finished_at": None}
        report = report_rows.report_of((await connection.execute(anew.values(values).returning(reports))).one())
    elif row.state == ReportState.removed:
        raise InvalidRequest("This generation's file was removed, for its time was over: ask for the report anew.")
    else:
        report = report_rows.report_of(row)
    if (member_id := request.requested_by) is not None:
        known = askings.c.report_id == report.id, askings.c.member_id == member_id
        if not await report_rows.count_askings(connection, *known):
            if not await report_rows.is_member(connection, member_id):
                raise NotFound(f"Nobody of the staff has the number {member_id}.")
            await report_rows.add_asking(connection, report, member_id=member_id, client=None)
    return report


async def _reopen(connection: AsyncConnection, report_id: UUID) -> Report:
    row = (await connection.execute(select(reports).where(reports.c.id == report_id))).one_or_none()
    if row is None:
        raise NotFound(f"There is no report {report_id}.")
    return await _open(connection, report_rows.report_of(row).request)


async def _settle(connection: AsyncConnection, report: Report, ended_as: EndedAs) -> ReportState | None:
    # Who asks for it waits from here on, and so does a job that begins with a step of it, which makes it `requested`
    # again. So what is asked for or redriven before is seen below, and what is so later is not undone by this.
    state = await _taken(connection, report)
    # First the outbox: an entry that is gone from there has its run.
    if state != ReportState.requested or await report_rows.is_enqueued(connection, report.request):
        return None
    ended = await ended_as(report.request)
    if ended is not None:
        await connection.execute(_ENDED, {"report_id": report.id, "ended_as": str(ended)})
    return ended


async def _while_ended(
    connection: AsyncConnection, report: Report, call: Callable[[], Awaitable[None]], held: timedelta
) -> bool:
    # A redriven job's step that is past its beginning has made the report `requested`, or `ready`; one that begins now
    # waits until the call is done.
    if await _taken(connection, report) not in _RUNS_ANEW:
        return False
    try:
        async with asyncio.timeout(held.total_seconds()):
            await call()
    except TimeoutError:
        raise ServiceUnavailable("What is done while nobody else has the report in hand took too long.") from None
    return True


async def _taken(connection: AsyncConnection, report: Report) -> str | None:
    """The report's state, which nobody changes before the transaction ends; None where its row is gone."""
    await report_rows.enter(connection, report.request)
    this = select(reports.c.state).where(reports.c.id == report.id).with_for_update(key_share=True)
    state: str | None = (await connection.execute(this)).scalar_one_or_none()
    return state


async def _ready(connection: AsyncConnection, report_id: UUID, file: ReportFile) -> None:
    # Locked, so that whoever asks meanwhile either is told below, or finds the report ready.
    this = select(reports.c.state).where(reports.c.id == report_id).with_for_update(key_share=True)
    state = (await connection.execute(this)).scalar_one_or_none()
    if state is None:
        raise NotFound(f"There is no report {report_id}.")
    if state in (ReportState.ready, ReportState.removed):
        return
    values = {"state": str(ReportState.ready), "finished_at": report_rows.now, **file.model_dump()}
    await connection.execute(update(reports).where(reports.c.id == report_id).values(values))
    wait = update(askings).where(
        askings.c.report_id == report_id, askings.c.member_id.is_not(None), askings.c.noticed_at.is_(None)
    )
    told = await connection.execute(wait.values(noticed_at=report_rows.now).returning(askings.c.id))
    notices = [ReportNoticeRequest(asking_id=asking_id) for asking_id in sorted(told.scalars())]
    await connection.execute(*outbox.statement(notices))
