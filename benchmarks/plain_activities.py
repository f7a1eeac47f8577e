"""The plain worker's steps. Database access and rendering are this project's own: only the shape is measured."""

from email.message import EmailMessage

import aiosmtplib
from temporalio import activity

from domain.ports import MailTemplates, OrderRepository


class PlainActivities:
    """A new SMTP connection for each mail, as the documentation of aiosmtplib shows it."""

    def __init__(self, orders: OrderRepository, templates: MailTemplates, smtp_host: str, smtp_port: int) -> None:
        """Take what the activities need."""
        self._orders = orders
        self._templates = templates
        self._host = smtp_host
        self._port = smtp_port

    @activity.defn
    async def fetch_order(self, order_id: int) -> str:
        """Tell whether the order is to be confirmed."""
        order = await self._orders.get(order_id)
        return "to-confirm" if order and order.customer.email and not order.confirmation_sent_at else "skip"

    @activity.defn
    async def send_mail(self, order_id: int) -> None:
        """Load the order, render the mail and send it."""
        order = await self._orders.get(order_id)
        if order is None or order.customer.email is None:
            raise LookupError(order_id)
        content = self._templates.render("order-confirmation", locale=order.customer.locale, data={"order": order})
        message = EmailMessage()
        message["From"] = "Corner Shop <orders@shop.example.com>"
        message["To"] = order.customer.email
        message["Subject"] = content.subject
        message.set_content(content.text)
        message.add_alternative(content.html, subtype="html")
        await aiosmtplib.send(message, hostname=self._host, port=self._port, start_tls=False)

    @activity.defn
    async def mark_sent(self, order_id: int) -> None:
        """Mark the order as confirmed."""
        await self._orders.mark_confirmed(order_id)
