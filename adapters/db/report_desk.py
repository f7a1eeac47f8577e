"""Where reports are asked for: the row, who asked, and the job, in one transaction; and who gets which every month."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.db import idempotency, outbox, report_rows
from adapters.db.report_tables import report_askings as askings
from adapters.db.report_tables import report_subscriptions, reports
from adapters.db.statements import Statements
from domain.idempotency import Answer, Repeatable
from domain.monthly_reports import Subscription
from domain.report_generation import ReportGenerationRequest
from domain.report_ports import Asked, UnknownMember
from domain.reports import Report, ReportState

_DAY = timedelta(days=1)
_NOTICES_WITHIN = timedelta(hours=1)
_MOST_NOTICES = 6
"""To one member about one report within that time: that it is there, and the link again for who has lost it."""


class SqlReportDesk:
    """Implements `domain.report_ports.ReportDesk`."""

    def __init__(self, engine: AsyncEngine, *, kept: timedelta = _DAY, wait: timedelta = idempotency.WAIT) -> None:
        """Share the engine's pool.

        `kept`: how long answers are given again. `wait`: how long a request waits for an earlier one with its key.
        """
        self._engine = engine
        self._statements = Statements(engine)
        self._kept = kept
        self._wait = wait

    async def ask(
        self,
        request: ReportGenerationRequest,
        answer: Callable[[Asked], Answer],
        repeatable: Repeatable | None = None,
        *,
        refresh: bool = False,
        client: str | None = None,
    ) -> Answer:
        """See `domain.report_ports.ReportDesk`."""

        async def work(connection: AsyncConnection) -> Answer:
            return answer(await _ask(connection, request, refresh=refresh, client=client))

        unknown = "The connection broke at the commit: whether the report was asked for is unknown. Ask again."
        return await idempotency.answered(
            self._engine, repeatable, work, kept=self._kept, wait=self._wait, unknown=unknown
        )

    async def find(self, report_id: UUID, *, client: str | None = None) -> Report | None:
        """See `domain.report_ports.ReportDesk`."""
        statement = select(reports).where(reports.c.id == report_id)
        if client is not None:
            statement = statement.where(exists().where(askings.c.report_id == reports.c.id, askings.c.client == client))
        rows = await self._statements.rows(statement)
        return report_rows.report_of(rows[0]) if rows else None


async def _ask(
    connection: AsyncConnection, request: ReportGenerationRequest, *, refresh: bool, client: str | None
) -> Asked:
    if request.requested_by is not None and not await report_rows.is_member(connection, request.requested_by):
        raise UnknownMember(request.requested_by)
    moment = await report_rows.enter(connection, request)
    # Locked, so that it cannot become ready between this look at it and the row of who asked.
    newest = report_rows.generations(request).order_by(reports.c.generation.desc()).limit(1)
    row = (await connection.execute(newest.with_for_update(key_share=True))).one_or_none()
    latest = report_rows.report_of(row) if row else None
    if latest is not None and _serves(latest, moment, refresh=refresh):
        report = latest
    else:
        generation = latest.request.generation + 1 if latest else 1
        report = await report_rows.add(connection, request, generation, moment)
    await _note(connection, report, request.requested_by, client)
    if report.state is ReportState.requested:
        # Also where it was asked for before: were its job lost, nobody would ever get this report.
        await connection.execute(*outbox.statement([report.request]))
    return Asked(report=report, joined=report is latest)


def _serves(latest: Report, moment: datetime, *, refresh: bool) -> bool:
    """Whether who asks at a moment gets what is being made, or is there."""
    period, zone = latest.request.span, latest.request.time_zone
    match latest.state:
        case ReportState.requested:
            # One that was begun before the period's end does not hold all of it.
            return period.is_over(latest.as_of, zone) or not period.is_over(moment, zone)
        case ReportState.ready:
            return period.is_over(latest.as_of, zone) and not refresh
        case _:
            return False


async def _note(connection: AsyncConnection, report: Report, member_id: int | None, client: str | None) -> None:
    """Keep who asked, once as long as they wait. A member gets one mail, through however many keys it was asked.

    Of a report that is there a member gets the link again, but not as often as somebody with a key likes to ask for it.
    """
    of_report = askings.c.report_id == report.id
    if member_id is not None:
        of_member = of_report, askings.c.member_id == member_id
        if report.state is ReportState.ready:
            lately = askings.c.noticed_at > report_rows.now - _NOTICES_WITHIN
            known = await report_rows.count_askings(connection, *of_member, lately) >= _MOST_NOTICES
        else:
            known = await report_rows.count_askings(connection, *of_member, askings.c.noticed_at.is_(None)) > 0
        if not known:
            await report_rows.add_asking(connection, report, member_id=member_id, client=client)
            return
    if client is not None and not await report_rows.count_askings(connection, of_report, askings.c.client == client):
        await report_rows.add_asking(connection, report, member_id=None, client=client)


_ALL = select(report_subscriptions).order_by(report_subscriptions.c.id)


class SqlSubscriptions:
    """Implements `domain.monthly_reports.Subscriptions`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._statements = Statements(engine)

    async def all(self) -> Sequence[Subscription]:
        """All subscriptions, in the order in which they were made."""
        return [Subscription(**row._mapping) for row in await self._statements.rows(_ALL)]
