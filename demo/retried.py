"""The station of a mail that is delivered at the third attempt, while the tour goes on."""

from __future__ import annotations

from demo import waiting
from demo.data.shop import TOUR
from demo.guide import LIMIT, Guide, told_of
from demo.shop_client import Answer
from demo.waiting import Refusal
from domain.outcomes import Done
from domain.policies import NOTIFICATION
from starter.http.job_views import JobView

_REFUSED = 2
"""Times that the mail server says 451 before it accepts."""


class Retried:
    """Begun early, told of at the end."""

    def __init__(self, guide: Guide, number: int, answer: Answer, address: str | None) -> None:
        """Use `begin`."""
        self._guide, self._number, self._answer, self._address = guide, number, answer, address

    @classmethod
    async def begin(cls, guide: Guide, number: int) -> Retried:
        """Place the order, and go on."""
        order = guide.visit.order_as(TOUR.retried)
        guide.station(
            number,
            "A mail server that says: try again later",
            f"451 twice, so {waiting.spans(NOTIFICATION, _REFUSED)}, then one mail.",
        )
        answer = await guide.shop.place(order)
        guide.expect_placed(answer)
        job = await guide.shop.started(answer.job, LIMIT)
        guide.display.line("   It waits in the background while the tour goes on.")
        guide.links(job.web_ui)
        return cls(guide, number, answer, order.customer.email)

    async def follow(self) -> JobView:
        """Show attempts and waits until the job has ended; returns how."""
        about = f"mail of order {self._answer.order.id}"
        return await waiting.follow(self._guide, about, self._answer.job, self._refusals, NOTIFICATION)

    async def tell(self, job: JobView) -> None:
        """Compare with what was expected."""
        guide, number = self._guide, self._answer.order.id
        guide.display.heading(f"{self._number}  … and its end")
        guide.expect(f"{job.id} {told_of(job)}", met=isinstance(job.outcome, Done))
        refusals = await self._refusals()
        answers = [refusal.answer for refusal in refusals]
        guide.expect(f"Refused before: {', '.join(answers) or 'never'}", met=answers == ["451"] * _REFUSED)
        mails = await guide.mails(number, self._address)
        waiting.expect_waits(guide, refusals, [mail.received_at for mail in mails], NOTIFICATION)
        guide.links(job.web_ui, await guide.expect_mails(number, self._address, 1))

    async def _refusals(self) -> list[Refusal]:
        found = await self._guide.refusals(self._address)
        return [Refusal(refusal.at, refusal.answer.partition(" ")[0]) for refusal in found]
