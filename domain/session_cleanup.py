"""The request that removes expired sessions, and what its step tells the workflow."""

from __future__ import annotations

from typing import Protocol

from domain.scheduling import OfPeriod, ScheduledRequest


class SessionCleanupRequest(ScheduledRequest):
    """Remove the sessions of the shop's site that have expired, once a day."""

    kind = "session-cleanup"


class Cleaned(OfPeriod):
    """What a cleanup has done."""

    removed: int = 0


class Sessions(Protocol):
    """The sessions of the shop's site. Each call may raise a `TransientError`."""

    async def remove_expired(self, limit: int) -> int:
        """Remove up to so many that have expired by now, in a transaction of its own; returns how many were removed.

        Waits for no lock, and nobody waits long for its own. Those that somebody else has locked are left: they are
        being prolonged, or removed.
        """
        ...
