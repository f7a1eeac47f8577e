"""Callbacks as payment providers send them, signed by the libraries that those give out."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import stripe
from standardwebhooks import Webhook

Scheme = Literal["standard", "stripe"]


def secret_of(text: bytes) -> str:
    return f"whsec_{base64.b64encode(text).decode()}"


SECRET = secret_of(b"of the tests and of nobody else")
ANOTHER_SECRET = secret_of(b"of somebody who is no provider")


@dataclass(frozen=True)
class Callback:
    """One request."""

    headers: dict[str, str]
    body: bytes

    @property
    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        return [(name.encode(), value.encode()) for name, value in self.headers.items()]


def body_of(
    scheme: Scheme, *, event_id: str = "evt_1", payment_id: str = "pi_1", kind: str | None = None, amount: int = 1250
) -> dict[str, Any]:
    """What an event says: that a payment was captured, unless `kind` says otherwise."""
    if scheme == "standard":
        about = {"payment_id": payment_id, "amount": amount}
        return {"type": kind or "payment.captured", "timestamp": "2026-03-29T08:30:00Z", "data": about}
    intent = {"id": payment_id, "object": "payment_intent", "amount": amount, "currency": "gbp"}
    return {
        "id": event_id,
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": 1774773000,
        "data": {"object": intent},
        "livemode": False,
        "pending_webhooks": 2,
        "request": {"id": None, "idempotency_key": None},
        "type": kind or "payment_intent.succeeded",
    }


def signed(
    scheme: Scheme,
    body: Mapping[str, Any] | str | bytes | None = None,
    *,
    event_id: str = "evt_1",
    secret: str = SECRET,
    ago: float = 0,
) -> Callback:
    """A callback, signed so many seconds ago, or from now where that is negative, by a provider's clock."""
    if body is None:
        body = body_of(scheme, event_id=event_id)
    text = body if isinstance(body, str) else body.decode() if isinstance(body, bytes) else json.dumps(body)
    at = int(time.time() - ago)
    if scheme == "stripe":
        header = stripe.WebhookSignature.generate_signature_header(text, secret, at)
        return Callback({"stripe-signature": header}, text.encode())
    signature = Webhook(secret).sign(event_id, datetime.fromtimestamp(at, UTC), text)
    return Callback(
        {"webhook-id": event_id, "webhook-timestamp": str(at), "webhook-signature": signature}, text.encode()
    )
