"""Reads a provider's callback: is it theirs, and what does it say. Two schemes: Standard Webhooks, and Stripe's."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from standardwebhooks import Webhook

from domain.requests import ShortText

TOLERANCE = 300
"""Seconds that the sender's clock may be ahead of or behind ours; Standard Webhooks' library has the same."""


class NotTheirs(Exception):
    """The signature is missing, malformed, wrong or too old: whoever sent this need not be the provider."""


class Unreadable(Exception):
    """The callback is signed, and does not say what a callback says."""


class Event(BaseModel):
    """What a callback says: that something changed. What it is now, only the provider's API tells."""

    model_config = ConfigDict(frozen=True)

    id: ShortText
    type: ShortText
    payment_id: ShortText | None
    """None where it is of no payment, or of a type that we do nothing about."""


@dataclass(frozen=True)
class Callbacks:
    """Checks and reads the callbacks of one provider."""

    read: Callable[[Mapping[str, str], bytes], Event]
    """Takes the headers, by lower-case names, and the raw body. Raises NotTheirs or Unreadable, and nothing else."""


def standard_webhooks(secrets: Sequence[str]) -> Callbacks:
    """By Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`. Any of the secrets will do.

    Raises ValueError for a secret that is not of the form whsec_<base64>.
    """
    hooks = [_hook(secret) for secret in secrets]

    def read(headers: Mapping[str, str], body: bytes) -> Event:
        if not any(_verified(hook, headers, body) for hook in hooks):
            raise NotTheirs("webhook-signature does not fit webhook-id, webhook-timestamp and body, or is too old.")
        content = _object(body)
        kind = content.get("type")
        about = content.get("data")
        payment = about.get("payment_id") if isinstance(about, dict) else None
        ours = isinstance(kind, str) and kind.startswith("payment.")
        return _event(headers["webhook-id"], kind, payment if ours else None, needed=ours)

    return Callbacks(read)


def _hook(secret: str) -> Webhook:
    try:
        return Webhook(secret)
    except Exception as exc:
        raise ValueError("a webhook secret is of the form whsec_<base64>") from exc


def _verified(hook: Webhook, headers: Mapping[str, str], body: bytes) -> bool:
    try:
        hook.verify(body, dict(headers), json_parse=False)
    except Exception:  # noqa: BLE001  # it raises what its parts raise on malformed input: all of it means no
        return False
    return True


_STRIPE_TYPES = ("payment_intent.", "charge.", "refund.")


def stripe_scheme(secrets: Sequence[str]) -> Callbacks:
    """By Stripe's scheme: `Stripe-Signature: t=…,v1=…`. Any of the secrets will do.

    See https://docs.stripe.com/webhooks#verify-manually. Raises ValueError for an empty secret.
    """
    if not all(secrets):
        raise ValueError("a webhook secret is not empty")
    keys = [secret.encode() for secret in secrets]

    def read(headers: Mapping[str, str], body: bytes) -> Event:
        moment, signatures = _stripe_header(headers.get("stripe-signature", ""))
        expected = [hmac.new(key, f"{moment}.".encode() + body, hashlib.sha256).hexdigest() for key in keys]
        # All are compared, whichever fits: the time it takes tells nothing.
        if not sum(hmac.compare_digest(known, given) for known in expected for given in signatures):
            raise NotTheirs("Stripe-Signature does not fit the body.")
        if abs(time.time() - int(moment)) > TOLERANCE:
            raise NotTheirs("Stripe-Signature is too old, or of a clock that is wrong.")
        content = _object(body)
        kind = content.get("type")
        about = content.get("data")
        ours = isinstance(kind, str) and kind.startswith(_STRIPE_TYPES)
        payment = _stripe_payment(about.get("object") if isinstance(about, dict) else None) if ours else None
        return _event(content.get("id"), kind, payment)

    return Callbacks(read)


def _stripe_header(header: str) -> tuple[str, list[str]]:
    moment = re.findall(r"(?:^|,)\s*t=([0-9]{1,12})(?=,|$)", header)
    signatures = re.findall(r"(?:^|,)\s*v1=([0-9a-f]{64})(?=,|$)", header)
    if len(moment) != 1 or not signatures:
        raise NotTheirs("Stripe-Signature is missing or malformed.")
    return moment[0], signatures


def _stripe_payment(thing: Any) -> Any:
    """The payment intent that an event's object is, or belongs to."""
    if not isinstance(thing, dict):
        return None
    return thing.get("id") if thing.get("object") == "payment_intent" else thing.get("payment_intent")


def _object(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise Unreadable("The body is not JSON.") from None
    if not isinstance(content, dict):
        raise Unreadable("The body is not a JSON object.")
    return content


def _event(event_id: Any, kind: Any, payment_id: Any, *, needed: bool = False) -> Event:
    try:
        event = Event(id=event_id, type=kind, payment_id=payment_id)
        stored = "".join((event.id, event.type, event.payment_id or "")).encode()
    except (ValidationError, UnicodeError):
        raise Unreadable("The body lacks an event's id, its type or its payment, or they are malformed.") from None
    if b"\0" in stored:
        raise Unreadable("An event's id, type or payment holds a NUL.")
    if needed and event.payment_id is None:
        raise Unreadable("The event is of a payment and does not say of which: data.payment_id is missing.")
    return event
