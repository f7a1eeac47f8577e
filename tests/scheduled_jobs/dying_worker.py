"""A worker that comes to a halt in the middle of what schedules start, to be killed:
`python -m tests.scheduled_jobs.dying_worker`.

It halts after its second batch of sessions is removed, and after its second batch of mails is queued, before it can
tell anybody. It sends no mails. Temporal misses it after six seconds, and not after half a minute.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from datetime import timedelta

from adapters.outside import Outside
from adapters.settings import Settings
from domain.scheduled_email_dispatch import DueEmails
from domain.session_cleanup import Sessions
from starter.connection import connect
from workflows.hosting import job_worker
from workflows.registry import registry

MISSED_AFTER = timedelta(seconds=6)


async def halt(what: str) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


class HaltingSessions:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._batches = 0

    async def remove_expired(self, limit: int) -> int:
        removed = await self._sessions.remove_expired(limit)
        self._batches += 1
        if self._batches == 2:
            await halt("removed")
        return removed


class HaltingEmails:
    def __init__(self, emails: DueEmails) -> None:
        self._emails = emails
        self._batches = 0

    async def queue(self, limit: int) -> int:
        queued = await self._emails.queue(limit)
        self._batches += 1
        if self._batches == 2:
            await halt("queued")
        return queued


async def main() -> None:
    kinds = [
        replace(kind, policy=kind.policy.model_copy(update={"heartbeat": MISSED_AFTER}))
        for kind in registry
        if kind.name in ("session-cleanup", "scheduled-email-dispatch")
    ]
    settings = Settings()
    outside = Outside(settings)
    sessions, emails = outside.ports[Sessions], outside.ports[DueEmails]
    ports: dict[type, object] = {
        **outside.ports,
        Sessions: HaltingSessions(sessions),
        DueEmails: HaltingEmails(emails),
    }
    await job_worker(await connect(), "maintenance", kinds, ports, sandbox=False).run()


if __name__ == "__main__":
    asyncio.run(main())
