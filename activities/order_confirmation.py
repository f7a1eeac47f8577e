"""The step of an order confirmation."""

from __future__ import annotations

import asyncio

from temporalio import activity

from domain.errors import TransientError
from domain.mail import Mail
from domain.order_confirmation import Confirmation, OrderConfirmationRequest
from domain.orders import Order
from domain.ports import DeliveryLedger, MailSender, MailTemplates, OrderRepository

_PAUSES = (0.1, 0.5, 2, 4)
"""Seconds between tries to record an answer: as long as PostgreSQL takes to restart."""


class OrderConfirmationActivities:
    """What an order confirmation does to the world, behind ports."""

    def __init__(
        self, orders: OrderRepository, ledger: DeliveryLedger, templates: MailTemplates, mail: MailSender
    ) -> None:
        """Take the ports; nothing is built or read here."""
        self._orders = orders
        self._ledger = ledger
        self._templates = templates
        self._mail = mail

    @activity.defn(name="order_confirmation.confirm")
    async def confirm(self, request: OrderConfirmationRequest) -> Confirmation:
        """Can run twice: what was sent is in the ledger, what was marked stays as it was marked.

        Fetch the order, check it, send the mail, mark the order. One step, since they are milliseconds each and every
        one of them may be repeated.
        """
        key = request.workflow_id

        order = await self._orders.get(request.order_id)

        if order is None:
            return Confirmation(state="order-not-found", delivery_key=key)
        if order.confirmation_sent_at is not None:
            return Confirmation(state="already-confirmed", delivery_key=key)
        if order.customer.email is None:
            return Confirmation(state="no-address", delivery_key=key)

        sent = await self._send(order, order.customer.email, key)

        await self._orders.mark_confirmed(order.id)
        return Confirmation(state="confirmed", delivery_key=key, repeated=not sent)

    async def _send(self, order: Order, address: str, key: str) -> bool:
        """Send the mail, unless the ledger has it as accepted; tells whether this call sent it.

        Where a kill fell between the receiver's OK and our record of it, the mail goes out again, with the same
        Message-ID.
        """
        if not await self._ledger.claim(key):
            return False
        content = self._templates.render("order-confirmation", locale=order.customer.locale, data={"order": order})
        answer = await self._mail.send(
            Mail(recipient=address, recipient_name=order.customer.name, content=content, delivery_key=key)
        )
        await self._record(key, answer)
        return True

    async def _record(self, key: str, answer: str) -> None:
        """Record the answer, if need be over some seconds: an attempt that failed here would send the mail again."""
        for pause in _PAUSES:
            try:
                return await self._ledger.record(key, answer)
            except TransientError:
                await asyncio.sleep(pause)
        return await self._ledger.record(key, answer)
