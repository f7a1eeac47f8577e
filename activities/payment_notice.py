"""The step of a mail about a payment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from temporalio import activity

from domain.delivery import send_claimed
from domain.mail import Mail
from domain.payment_notice import Notice, PaymentNoticeRequest
from domain.payments import PaymentStore
from domain.ports import DeliveryLedger, MailSender, MailTemplates, OrderRepository

_TEMPLATES = {
    "declined": "payment-failed",
    "refunded": "payment-refunded",
    "partially-refunded": "payment-refunded",
}


class PaymentNoticeActivities:
    """What a mail about a payment does to the world, behind ports."""

    calls: ClassVar[Mapping[type, int]] = {DeliveryLedger: 2}
    """More than one call of a port in an attempt, for the check of time limits."""

    def __init__(
        self,
        payments: PaymentStore,
        orders: OrderRepository,
        ledger: DeliveryLedger,
        templates: MailTemplates,
        mail: MailSender,
    ) -> None:
        self._payments = payments
        self._orders = orders
        self._ledger = ledger
        self._templates = templates
        self._mail = mail

    @activity.defn(name="payment_notice.tell")
    async def tell(self, request: PaymentNoticeRequest) -> Notice:
        """Can run twice: what was sent is in the ledger, under a key of the payment, its state and what went back.

        Nothing is sent where the payment has moved on, as it may while a mail server is away: nobody is to read that
        a payment failed which has been made by now, be it by another one for the same order.
        """
        key = request.delivery_key

        known = await self._payments.known(request.payment_id)
        order = None if known.order_id is None else await self._orders.get(known.order_id)

        if order is None:
            return Notice(state="payment-not-found", delivery_key=key)
        paid_otherwise = request.state == "declined" and order.paid_at is not None
        if (known.state, known.refunded) != (request.state, request.refunded) or paid_otherwise:
            return Notice(state="payment-moved-on", delivery_key=key)
        if order.customer.email is None:
            return Notice(state="no-address", delivery_key=key)

        if await self._ledger.claim(key):
            data: dict[str, Any] = {"order": order}
            if request.state != "declined":
                data["refunded"] = request.refunded
            content = self._templates.render(_TEMPLATES[request.state], locale=order.customer.locale, data=data)
            mail = Mail(
                recipient=order.customer.email, recipient_name=order.customer.name, content=content, delivery_key=key
            )
            await send_claimed(self._ledger, self._mail, mail)
        return Notice(state="told", delivery_key=key)
