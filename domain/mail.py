"""A mail on its way out, and the key that makes it one mail."""

from __future__ import annotations

import hashlib

from domain.values import Value


class MailContent(Value):
    """What a template makes of its data."""

    subject: str
    text: str
    html: str


class Mail(Value):
    """A mail to one recipient. From, Reply-To and Date are the sending adapter's."""

    recipient: str
    recipient_name: str
    content: MailContent
    delivery_key: str
    """One key, one mail: the Message-ID is derived from it, so that a receiver can tell a repetition."""


def message_id(delivery_key: str, domain: str) -> str:
    """Message-ID (RFC 5322) for a delivery: the same for each attempt, and it tells nothing about the customer.

    `domain` is the sender's mail domain.
    """
    digest = hashlib.sha256(delivery_key.encode()).hexdigest()[:32]
    return f"<{digest}@{domain}>"
