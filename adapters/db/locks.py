"""How long a transaction waits for what others have locked."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_LIMIT = text("SELECT set_config('lock_timeout', :limit, true)")


async def limit_waits(connection: AsyncConnection, longest: timedelta) -> None:
    """From now on, a statement of this transaction fails that waits longer for a lock (see `gave_up_waiting`)."""
    await connection.execute(_LIMIT, {"limit": f"{longest // timedelta(milliseconds=1)}ms"})
