"""The station of a payment provider that is down at first, while the tour goes on."""

from __future__ import annotations

from datetime import UTC, datetime

from demo import waiting
from demo.checkout import Checkout, job_of
from demo.guide import LIMIT, Guide, told_of
from demo.payments.controller import ProviderController
from demo.waiting import Refusal
from domain.outcomes import Done
from domain.payments import PaymentState
from domain.policies import PAYMENT
from starter.http.job_views import JobView

_LIKE = 1067
"""Order of the data set."""
_DOWN = 2
"""Calls that the provider answers with 503."""


class ProviderAway:
    """Begun early, told of at the end."""

    def __init__(self, number: int, checkout: Checkout, job: str, since: datetime) -> None:
        """Use `begin`. `job` is the callback's; what the provider was asked before `since` is not ours."""
        self._number, self._checkout, self._job, self._since = number, checkout, job, since

    @classmethod
    async def begin(cls, guide: Guide, provider: ProviderController, number: int) -> ProviderAway:
        """Place the order, have it paid, and go on."""
        guide.station(
            number,
            "A payment provider that is down",
            f"it answers 503 twice when the job asks how the payment stands, so "
            f"{waiting.spans(PAYMENT, _DOWN)}, then the order is paid, one mail.",
        )
        guide.display.line(
            f"   (It may be down for longer: there are {PAYMENT.max_attempts} attempts, over up to "
            f"{2 * sum(w.total_seconds() for w in PAYMENT.waits) / 60:.0f} minutes. This tour is in a hurry.)"
        )
        checkout = await Checkout.begin(guide, provider, _LIKE, "down")
        # The job of the payment's beginning asks as well, and is to be answered.
        await provider.idle(LIMIT)
        for event in await provider.events():
            if event.payment_id == checkout.payment_id:
                await checkout.settled(job_of(event))
        since = datetime.now(UTC)
        await provider.misbehave("answer", status=503, times=_DOWN, payment_id=checkout.payment_id)
        job = await checkout.becomes(PaymentState.captured)
        started = await guide.shop.started(job, LIMIT)
        guide.display.line("   It waits in the background while the tour goes on.")
        guide.links(started.web_ui)
        return cls(number, checkout, job, since)

    async def follow(self) -> JobView:
        """Show attempts and waits until the job has ended; returns how."""
        about = f"payment of order {self._checkout.answer.order.id}"
        return await waiting.follow(self._checkout.guide, about, self._job, self._refusals, PAYMENT)

    async def tell(self, job: JobView) -> None:
        """Compare with what was expected."""
        guide = self._checkout.guide
        guide.display.heading(f"{self._number}  … and its end")
        guide.expect(f"{job.id} {told_of(job)}", met=isinstance(job.outcome, Done))
        refusals = await self._refusals()
        guide.expect(
            f"Answered before: {', '.join(refusal.answer for refusal in refusals) or 'nothing'}",
            met=[refusal.answer for refusal in refusals] == ["503"] * _DOWN,
        )
        answered = [
            call.at for call in await self._checkout.provider.calls() if self._is_ours(call.payment_id, call.at)
        ]
        waiting.expect_waits(guide, refusals, answered[_DOWN : _DOWN + 1], PAYMENT)
        guide.links(job.web_ui)
        await self._checkout.expect_paid()

    async def _refusals(self) -> list[Refusal]:
        calls = await self._checkout.provider.calls()
        return [
            Refusal(call.at, "503") for call in calls if call.misbehaved and self._is_ours(call.payment_id, call.at)
        ]

    def _is_ours(self, payment_id: str | None, at: datetime) -> bool:
        return payment_id == self._checkout.payment_id and at > self._since
