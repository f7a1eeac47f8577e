"""Who gets which reports every month, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.report_tables import report_subscriptions
from adapters.db.statements import Statements
from domain.monthly_reports import Subscription

_ALL = select(report_subscriptions).order_by(report_subscriptions.c.id)


class SqlSubscriptions:
    """Implements `domain.monthly_reports.Subscriptions`."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Share the engine's pool."""
        self._statements = Statements(engine)

    async def all(self) -> Sequence[Subscription]:
        """All subscriptions, in the order in which they were made."""
        return [Subscription(**row._mapping) for row in await self._statements.rows(_ALL)]
