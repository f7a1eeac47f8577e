"""A relay in the test's process that ends at the worst moment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from adapters.db.outbox_relay import SqlOutbox
from domain.outbox import Batch


class Crashed(Exception):
    """The relay ends between the start of a batch's jobs and its record."""


class Crashing(SqlOutbox):
    @asynccontextmanager
    async def take(self, limit: int, **which: Any) -> AsyncIterator[Batch]:
        async with super().take(limit, **which) as batch:
            yield batch
            raise Crashed
