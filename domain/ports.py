"""What activities need of the outside world. Adapters implement these; `worker.py` puts them behind the ports.

Every method may raise a `TransientError` (the database is restarting, the mail server says 451) or a `PermanentError`;
adapters translate their vendors' errors at the edge.
"""

from __future__ import annotations

from typing import Any, Protocol

from domain.mail import Mail, MailContent
from domain.orders import Order


class OrderRepository(Protocol):
    """The shop's orders."""

    async def get(self, order_id: int) -> Order | None:
        """Load the order with its customer and items; None where there is none."""
        ...

    async def mark_confirmed(self, order_id: int) -> bool:
        """Set the time of the confirmation where it isn't set; tell whether this call set it."""
        ...


class DeliveryLedger(Protocol):
    """Which deliveries were claimed, and which of them the receiver accepted. One row a key, for ever."""

    async def claim(self, key: str) -> bool:
        """Claim a delivery; False where the receiver has accepted it before, and it must not be sent again.

        A claim without an answer (its worker was killed) is taken over.
        """
        ...

    async def record(self, key: str, answer: str) -> None:
        """Keep the receiver's answer to a delivery that it accepted. Called right after the answer came."""
        ...


class MailTemplates(Protocol):
    """Makes mails of data."""

    def render(self, template: str, *, locale: str, data: dict[str, Any]) -> MailContent:
        """Render subject, text and HTML of a template in the reader's locale."""
        ...


class MailSender(Protocol):
    """Hands mail to a mail server."""

    async def send(self, mail: Mail) -> str:
        """Send one mail; returns the server's answer, such as `250 2.0.0`.

        Raises `RecipientRejected`, `MessageRejected`, `AuthenticationFailed` (permanent); `RateLimited`,
        `ServiceUnavailable`, `NetworkTimeout`, `ConnectionBroken`, `OutcomeUnknown` (transient).
        """
        ...
