"""Signs callbacks: by Standard Webhooks, or in Stripe's manner."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

from standardwebhooks import Webhook


def standard(secret: str, *, message_id: str, at: int, body: str) -> dict[str, str]:
    """Headers of Standard Webhooks; `at` is in seconds since 1970."""
    moment = datetime.fromtimestamp(at, UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": Webhook(secret).sign(message_id, moment, body),
    }


def stripe(secret: str, *, at: int, body: str) -> dict[str, str]:
    """Stripe's header. There the key is the secret as it stands, its prefix included."""
    signature = hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    return {"stripe-signature": f"t={at},v1={signature}"}
