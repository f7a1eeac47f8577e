"""The step of an order confirmation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from temporalio import activity

from domain.delivery import send_claimed
from domain.mail import Mail
from domain.order_confirmation import Confirmation, OrderConfirmationRequest
from domain.orders import Order
from domain.ports import DeliveryLedger, MailSender, MailTemplates, OrderRepository


class OrderConfirmationActivities:
    """What an order confirmation does to the world, behind ports."""

    calls: ClassVar[Mapping[type, int]] = {OrderRepository: 2, DeliveryLedger: 2}
    """More than one call of a port in an attempt, for the check of time limits."""

    def __init__(
        self, orders: OrderRepository, ledger: DeliveryLedger, templates: MailTemplates, mail: MailSender
    ) -> None:
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
        """Send the mail, unless the ledger has it as accepted; tells whether this call sent it."""
        if not await self._ledger.claim(key):
            return False
        content = self._templates.render("order-confirmation", locale=order.customer.locale, data={"order": order})
        mail = Mail(recipient=address, recipient_name=order.customer.name, content=content, delivery_key=key)
        await send_claimed(self._ledger, self._mail, mail)
        return True
