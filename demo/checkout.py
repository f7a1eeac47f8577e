"""An order that is paid online: placed at the shop, and its payment begun at the provider, as a checkout does both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from demo.guide import LIMIT, Guide
from demo.payments.book import Happened
from demo.payments.controller import ProviderController
from demo.shop_client import Answer
from domain.orders import PaymentMethod
from domain.payment_callback import PaymentCallbackRequest
from domain.payments import PaymentState
from starter.http.job_views import JobView


@dataclass(frozen=True)
class Checkout:
    """One order with its payment."""

    guide: Guide
    provider: ProviderController
    answer: Answer
    address: str | None
    """Of the customer."""
    payment_id: str

    @classmethod
    async def begin(cls, guide: Guide, provider: ProviderController, like: int, tag: str) -> Self:
        """Place an order like the one of this number in the data set; `tag` goes into its customer's address."""
        order = guide.visit.order_as(like, PaymentMethod.online, tag=tag)
        answer = await guide.shop.place(order)
        guide.expect_placed(answer)
        payment = await provider.begin(answer.order.id, answer.order.total, answer.order.currency)
        return cls(guide, provider, answer, order.customer.email, payment.id)

    async def becomes(self, state: PaymentState) -> str:
        """Have the payment go into a state, and the provider call back; returns the path of the callback's job."""
        event = await self.provider.move(self.payment_id, state)
        await self.expect_called_back(event)
        return job_of(event)

    async def expect_called_back(self, event: Happened) -> None:
        """Wait until the provider's call was answered, and tell how."""
        await self.provider.idle(LIMIT)
        statuses = await self.answers_to(event)
        self.guide.expect(
            f"The provider calls POST /webhooks/payments: {', '.join(map(str, statuses)) or 'not answered'}",
            met=statuses == [202],
        )

    async def answers_to(self, event: Happened) -> list[int | None]:
        """What the shop answered to the callbacks of an event, oldest first."""
        return [one.status for one in await self.provider.deliveries() if one.event_id == event.id]

    async def settled(self, job: str) -> JobView:
        """Wait for the end of a callback's job; returns how it stands then."""
        return await self.guide.shop.ended(job, LIMIT)

    async def expect_paid(self) -> None:
        """Look whether the order is paid, and wait for its one confirmation."""
        guide, number = self.guide, self.answer.order.id
        order = await guide.shop.order(self.answer.location)
        guide.expect(f"Order {number} is {'paid' if order.paid_at else 'not paid'}", met=order.paid_at is not None)
        if order.links.job is None:
            return
        job = await guide.shop.ended(order.links.job, LIMIT)
        guide.links(job.web_ui, await guide.expect_mails(number, self.address, 1))

    async def is_paid(self) -> bool:
        """Whether the shop takes the order for paid."""
        return (await self.guide.shop.order(self.answer.location)).paid_at is not None


def job_of(event: Happened) -> str:
    """Path of a callback's job."""
    return f"/jobs/{PaymentCallbackRequest(event_id=event.id, payment_id=event.payment_id).workflow_id}"
