"""The station that takes its time: a mail that is delivered at the third attempt, while the tour goes on."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from demo.guide import End, Guide, told
from domain.outcomes import Done
from domain.policies import NOTIFICATION
from starter import JobHandle

_NUMBER = 2
_REFUSED = 2
"""Times that the mail server says 451 before it accepts."""
_WITHIN = 180.0
_LOOK_EVERY = 0.5


class Retried:
    """Started early, told of at the end."""

    def __init__(self, guide: Guide) -> None:
        """Nothing is started yet."""
        self._guide = guide
        self._order = guide.visit.retried
        self._handle: JobHandle | None = None

    async def begin(self) -> None:
        """Start the job, and go on."""
        first, second = (
            f"{w.total_seconds():.0f} to {2 * w.total_seconds():.0f} s" for w in NOTIFICATION.waits[:_REFUSED]
        )
        self._guide.station(
            _NUMBER,
            "A mail server that says: try again later",
            f"451 twice, so a wait of {first}, then one of {second}, then one mail.",
        )
        self._handle = await self._guide.start(self._order)
        self._guide.display.line("   It waits in the background while the tour goes on.")
        self._guide.links(self._handle)

    async def follow(self) -> End:
        """Show attempts and waits until the job has ended; returns how."""
        handle = self._started()
        ending = asyncio.create_task(self._guide.end(handle, _WITHIN))
        try:
            while not ending.done():
                self._guide.display.move("retried", f"{handle.id}: {await self._progress(handle)}")
                await asyncio.wait({ending}, timeout=_LOOK_EVERY)
            return ending.result()
        finally:
            ending.cancel()
            self._guide.display.rest("retried")

    async def tell(self, end: End) -> None:
        """Compare with what was expected."""
        guide, handle = self._guide, self._started()
        guide.display.heading(f"{_NUMBER}  … and its end")
        guide.expect(f"{handle.id} {told(end)}", met=isinstance(end, Done))
        refusals = await guide.refusals(self._order)
        answers = [refusal.answer.partition(" ")[0] for refusal in refusals]
        guide.expect(f"Refused before: {', '.join(answers) or 'never'}", met=answers == ["451"] * _REFUSED)
        mails = await guide.mails(self._order)
        attempts = [*(refusal.at for refusal in refusals), *(mail.received_at for mail in mails)]
        waits = [later - earlier for earlier, later in pairwise(attempts)]
        # Only the shortest is a promise: Temporal's timers come up to a second late, a busy machine later still.
        long_enough = len(waits) == _REFUSED and all(
            waited >= shortest for waited, shortest in zip(waits, NOTIFICATION.waits, strict=False)
        )
        guide.expect(f"Waits between the attempts: {', '.join(map(_seconds, waits)) or 'none'}", met=long_enough)
        guide.links(handle, await guide.expect_mails(self._order, 1))

    async def _progress(self, handle: JobHandle) -> str:
        refusals = await self._guide.refusals(self._order)
        if not refusals:
            return "first attempt"
        tries = ", ".join(refusal.answer.partition(" ")[0] for refusal in refusals)
        status = await handle.status()
        now = datetime.now(UTC)
        attempt = f"attempt {len(refusals) + 1} of {NOTIFICATION.max_attempts}"
        if status.next_attempt_at is not None and status.next_attempt_at > now:
            return f"{tries}; {attempt} in {_seconds(status.next_attempt_at - now, 0)}"
        return f"{tries}; {attempt} is due, {_seconds(now - refusals[-1].at, 0)} since the last"

    def _started(self) -> JobHandle:
        if self._handle is None:
            raise RuntimeError("begin() comes first")
        return self._handle


def _seconds(span: timedelta, digits: int = 1) -> str:
    return f"{span.total_seconds():.{digits}f} s"
