"""The station that takes its time: a mail that is delivered at the third attempt, while the tour goes on."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from demo.data.shop import TOUR
from demo.guide import LIMIT, Guide, told_of
from demo.shop_client import Answer
from domain.outcomes import Done
from domain.policies import NOTIFICATION
from starter.http.job_views import JobView

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
        self._order = guide.visit.order_as(TOUR.retried)
        self._answer: Answer | None = None

    async def begin(self) -> None:
        """Place the order, and go on."""
        first, second = (
            f"{w.total_seconds():.0f} to {2 * w.total_seconds():.0f} s" for w in NOTIFICATION.waits[:_REFUSED]
        )
        guide = self._guide
        guide.station(
            _NUMBER,
            "A mail server that says: try again later",
            f"451 twice, so a wait of {first}, then one of {second}, then one mail.",
        )
        self._answer = await guide.shop.place(self._order)
        guide.expect_placed(self._answer)
        job = await guide.shop.started(self._answer.job, LIMIT)
        guide.display.line("   It waits in the background while the tour goes on.")
        guide.links(job.web_ui)

    async def follow(self) -> JobView:
        """Show attempts and waits until the job has ended; returns how."""
        job = self._placed().job
        ending = asyncio.create_task(self._guide.shop.ended(job, _WITHIN))
        try:
            while not ending.done():
                self._guide.display.move("retried", f"{job.removeprefix('/jobs/')}: {await self._progress(job)}")
                await asyncio.wait({ending}, timeout=_LOOK_EVERY)
            return ending.result()
        finally:
            ending.cancel()
            self._guide.display.rest("retried")

    async def tell(self, job: JobView) -> None:
        """Compare with what was expected."""
        guide, address = self._guide, self._order.customer.email
        guide.display.heading(f"{_NUMBER}  … and its end")
        guide.expect(f"{job.id} {told_of(job)}", met=isinstance(job.outcome, Done))
        refusals = await guide.refusals(address)
        answers = [refusal.answer.partition(" ")[0] for refusal in refusals]
        guide.expect(f"Refused before: {', '.join(answers) or 'never'}", met=answers == ["451"] * _REFUSED)
        number = self._placed().order.id
        mails = await guide.mails(number, address)
        attempts = [*(refusal.at for refusal in refusals), *(mail.received_at for mail in mails)]
        waits = [later - earlier for earlier, later in pairwise(attempts)]
        # Only the shortest is a promise: Temporal's timers come up to a second late, a busy machine later still.
        long_enough = len(waits) == _REFUSED and all(
            waited >= shortest for waited, shortest in zip(waits, NOTIFICATION.waits, strict=False)
        )
        guide.expect(f"Waits between the attempts: {', '.join(map(_seconds, waits)) or 'none'}", met=long_enough)
        guide.links(job.web_ui, await guide.expect_mails(number, address, 1))

    async def _progress(self, job: str) -> str:
        refusals = await self._guide.refusals(self._order.customer.email)
        if not refusals:
            return "first attempt"
        tries = ", ".join(refusal.answer.partition(" ")[0] for refusal in refusals)
        next_at = (await self._guide.shop.job(job)).next_attempt_at
        now = datetime.now(UTC)
        attempt = f"attempt {len(refusals) + 1} of {NOTIFICATION.max_attempts}"
        if next_at is not None and next_at > now:
            return f"{tries}; {attempt} in {_seconds(next_at - now, 0)}"
        return f"{tries}; {attempt} is due, {_seconds(now - refusals[-1].at, 0)} since the last"

    def _placed(self) -> Answer:
        if self._answer is None:
            raise RuntimeError("begin() comes first")
        return self._answer


def _seconds(span: timedelta, digits: int = 1) -> str:
    return f"{span.total_seconds():.{digits}f} s"
