"""The steps of a payment callback."""

from __future__ import annotations

from temporalio import activity

from domain.delivery import send_claimed
from domain.errors import ServiceUnavailable
from domain.mail import Mail
from domain.payment_callback import Applied, Notice, PaymentCallbackRequest
from domain.payment_ports import PaymentProvider, PaymentStore, VersionChanged
from domain.ports import DeliveryLedger, MailSender, MailTemplates, OrderRepository

_FETCHES = 5
"""So many others that come to the same payment at the same moment are waited for within one attempt."""


class PaymentCallbackActivities:
    """What a payment callback does to the world, behind ports."""

    def __init__(
        self,
        provider: PaymentProvider,
        payments: PaymentStore,
        orders: OrderRepository,
        ledger: DeliveryLedger,
        templates: MailTemplates,
        mail: MailSender,
    ) -> None:
        """Take the ports; nothing is built or read here."""
        self._provider = provider
        self._payments = payments
        self._orders = orders
        self._ledger = ledger
        self._templates = templates
        self._mail = mail

    @activity.defn(name="payment_callback.apply")
    async def apply(self, request: PaymentCallbackRequest) -> Applied:
        """Can run twice: the payment's present state is applied once, and is fetched anew each time.

        The callback said that something changed, not what: what counts is what the provider says now. The version is
        read before the fetch, so that of two who fetched at the same time, the one with the older answer can't win.
        """
        for _ in range(_FETCHES):
            known = await self._payments.known(request.payment_id)
            payment = await self._provider.get(request.payment_id)
            try:
                return await self._payments.apply(payment, version=known.version)
            except VersionChanged:
                continue
        raise ServiceUnavailable(f"Payment {request.payment_id} kept changing while it was fetched.")

    @activity.defn(name="payment_callback.notify")
    async def notify(self, applied: Applied) -> Notice:
        """Can run twice: what was sent is in the ledger, under a key of the payment, its state and what went back.

        Nothing is sent where the payment has moved on, as it may while a mail server is away: nobody is to read that
        a payment failed which has been made by now.
        """
        key = f"payment/{applied.payment_id}/{applied.state}/{applied.refunded}"
        known = await self._payments.known(applied.payment_id)
        if (known.state, known.refunded) != (applied.state, applied.refunded):
            return Notice(sent=False, delivery_key=key)
        order = await self._orders.get(applied.order_id)
        if order is None or order.customer.email is None or applied.mail is None:
            return Notice(sent=False, delivery_key=key)
        if not await self._ledger.claim(key):
            return Notice(sent=False, delivery_key=key)
        data = {"order": order} | ({"refunded": applied.refunded} if applied.mail == "payment-refunded" else {})
        content = self._templates.render(applied.mail, locale=order.customer.locale, data=data)
        mail = Mail(
            recipient=order.customer.email, recipient_name=order.customer.name, content=content, delivery_key=key
        )
        await send_claimed(self._ledger, self._mail, mail)
        return Notice(sent=True, delivery_key=key)
