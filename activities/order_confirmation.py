"""Steps of an order confirmation."""

from __future__ import annotations

from temporalio import activity

from domain.errors import NotFound
from domain.mail import Mail
from domain.order_confirmation import OrderCheck, OrderConfirmationRequest, Sent
from domain.ports import DeliveryLedger, MailSender, MailTemplates, OrderRepository


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

    @activity.defn(name="order_confirmation.fetch")
    async def fetch(self, request: OrderConfirmationRequest) -> OrderCheck:
        """Can run twice: it only reads.

        Look the order up; what the workflow gets to know of it is a state, not the order.
        """
        return await self._orders.check(request.order_id)

    @activity.defn(name="order_confirmation.send")
    async def send(self, request: OrderConfirmationRequest) -> Sent:
        """Can run twice: the ledger lets no mail out again that the receiver has accepted.

        Where a kill fell between the receiver's OK and our record of it, the mail goes out again, with the same
        Message-ID. Raises `NotFound` where the order vanished since it was looked up, or lost its address.
        """
        key = request.workflow_id
        if not await self._ledger.claim(key):
            return Sent(delivery_key=key, repeated=True)
        order = await self._orders.get(request.order_id)
        if order is None or order.customer.email is None:
            raise NotFound("The order, or its customer's address, was removed while its confirmation was on its way.")
        content = self._templates.render("order-confirmation", locale=order.customer.locale, data={"order": order})
        answer = await self._mail.send(
            Mail(
                recipient=order.customer.email,
                recipient_name=order.customer.name,
                content=content,
                delivery_key=key,
            )
        )
        await self._ledger.record(key, answer)
        return Sent(delivery_key=key, repeated=False)

    @activity.defn(name="order_confirmation.mark")
    async def mark(self, request: OrderConfirmationRequest) -> bool:
        """Can run twice: the update is conditional, the first one's time stays.

        Mark the order as confirmed; tells whether this call did.
        """
        return await self._orders.mark_confirmed(request.order_id)
