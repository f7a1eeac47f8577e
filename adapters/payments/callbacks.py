"""Reads a provider's callback: is it theirs, and what does it say. Two schemes: Standard Webhooks, and Stripe's."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from pydantic import ValidationError
from standardwebhooks import Webhook

from adapters.settings import CallbackScheme, PaymentCallbackSettings
from domain.requests import ShortText
from domain.values import Value

TOLERANCE = 300
"""Seconds that the sender's clock may be ahead of or behind ours; Standard Webhooks' library has the same."""

RawHeaders = Iterable[tuple[bytes, bytes]]
"""As ASGI has them: names in lower case, and each as often as it came."""


class NotTheirs(Exception):
    """The signature is missing, malformed, wrong or too old: whoever sent this need not be the provider."""


class Unreadable(Exception):
    """The callback is signed, and does not say what a callback says."""


class Event(Value):
    """What a callback says: that something changed. What it is now, only the provider's API tells."""

    id: ShortText
    type: ShortText
    payment_id: ShortText | None
    """None where it is of no payment, or of a type that we do nothing about."""
    hash: bytes
    """SHA-256 of what the body says: the same whenever the event is sent again, and another for another event.

    Providers sign each attempt anew, and may write the same event down anew. So what counts is the JSON value and not
    its bytes, and not what a scheme says of the delivery itself.
    """


Callbacks = Callable[[RawHeaders, bytes], Event]
"""Checks and reads a callback: takes the headers and the body as they came. Raises NotTheirs or Unreadable only."""


def callbacks_of(settings: PaymentCallbackSettings) -> Callbacks | None:
    """By the settings' scheme, with their secrets; None where there are none, so that nobody is let in."""
    if not settings.all_secrets:
        return None
    made = {CallbackScheme.standard: standard_webhooks, CallbackScheme.stripe: stripe_scheme}
    return made[settings.scheme](settings.all_secrets)


def standard_webhooks(secrets: Sequence[str]) -> Callbacks:
    """By Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`. Any of the secrets will do.

    Raises ValueError for a secret that is not of the form whsec_<base64>, or none at all.
    """
    hooks = [_hook(secret) for secret in secrets]
    if not hooks:
        raise ValueError("without a secret no callback can be told from a forged one")
    names = (b"webhook-id", b"webhook-timestamp", b"webhook-signature")

    def read(raw_headers: RawHeaders, body: bytes) -> Event:
        headers = _once_each(names, raw_headers)
        # All are tried, whichever fits: the time it takes tells nothing.
        if not sum([_verified(hook, headers, body) for hook in hooks]):
            raise NotTheirs("webhook-signature does not fit webhook-id, webhook-timestamp and body, or is too old.")
        content = _object(body)
        kind = content.get("type")
        about = content.get("data")
        payment = about.get("payment_id") if isinstance(about, dict) else None
        ours = isinstance(kind, str) and kind.startswith("payment.")
        return _event(headers["webhook-id"], kind, payment if ours else None, content, needed=ours)

    return read


def _hook(secret: str) -> Webhook:
    try:
        return Webhook(secret)
    except Exception as exc:
        raise ValueError("a webhook secret is of the form whsec_<base64>") from exc


def _verified(hook: Webhook, headers: dict[str, str], body: bytes) -> bool:
    try:
        hook.verify(body, headers, json_parse=False)
    except Exception:  # noqa: BLE001  # it raises what its parts raise on malformed input: all of it means no
        return False
    return True


_STRIPE_TYPES = ("payment_intent.", "charge.", "refund.")

_STRIPE_DELIVERY = ("pending_webhooks",)
"""What Stripe says of the delivery: how many of our addresses have not taken the event yet. The rest stays the same,
`data` too, whichever version of the interface is in use when it is sent again."""


def stripe_scheme(secrets: Sequence[str]) -> Callbacks:
    """By Stripe's scheme: `Stripe-Signature: t=…,v1=…`. Any of the secrets will do.

    See https://docs.stripe.com/webhooks#verify-manually. Raises ValueError for an empty secret, or none at all.
    """
    if not secrets or not all(secrets):
        raise ValueError("a webhook secret is not empty, and without one no callback can be told from a forged one")
    keys = [secret.encode() for secret in secrets]

    def read(raw_headers: RawHeaders, body: bytes) -> Event:
        moment, signatures = _stripe_header(_once_each((b"stripe-signature",), raw_headers)["stripe-signature"])
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
        return _event(content.get("id"), kind, payment, content, but=_STRIPE_DELIVERY)

    return read


def _stripe_header(header: str) -> tuple[str, list[str]]:
    moment = re.findall(r"(?:^|,)\s*t=([0-9]{1,12})(?=,|$)", header)
    signatures = re.findall(r"(?:^|,)\s*v1=([0-9a-f]{64})(?=,|$)", header)
    if len(moment) != 1 or not signatures:
        raise NotTheirs("Stripe-Signature is malformed.")
    return moment[0], signatures


def _stripe_payment(thing: Any) -> Any:
    """The payment intent that an event's object is, or belongs to."""
    if not isinstance(thing, dict):
        return None
    return thing.get("id") if thing.get("object") == "payment_intent" else thing.get("payment_intent")


def _once_each(names: Sequence[bytes], raw_headers: RawHeaders) -> dict[str, str]:
    """The headers of these names. Of two with one name, somebody in between may have looked at the other one."""
    wanted = [header for header in raw_headers if header[0] in names]
    found = dict(wanted)
    if len(found) < len(names) or len(wanted) > len(names):
        raise NotTheirs(f"Sent once each, and no more, must be: {b', '.join(names).decode()}.")
    try:
        return {name.decode(): value.decode("ascii") for name, value in wanted}
    except UnicodeDecodeError:
        raise NotTheirs(f"Not ASCII: {b', '.join(names).decode()}.") from None


def _object(body: bytes) -> dict[str, Any]:
    try:
        # Decoded here: json would take UTF-16 and UTF-32 too.
        content = json.loads(body.decode())
    except (ValueError, RecursionError):
        raise Unreadable("The body is not JSON in UTF-8.") from None
    if not isinstance(content, dict):
        raise Unreadable("The body is not a JSON object.")
    return content


def _event(
    event_id: Any,
    kind: Any,
    payment_id: Any,
    content: dict[str, Any],
    *,
    needed: bool = False,
    but: Collection[str] = (),
) -> Event:
    try:
        event = Event(id=event_id, type=kind, payment_id=payment_id, hash=_hash(content, but))
    except (ValidationError, RecursionError):
        raise Unreadable("The body lacks an event's id, its type or its payment, or they are malformed.") from None
    # They go into the database, into a job's id and into logs.
    if not (event.id + event.type + (event.payment_id or "")).isprintable():
        raise Unreadable("The event's id, its type or its payment has a character that is not printable.")
    if needed and event.payment_id is None:
        raise Unreadable("The event is of a payment and does not say of which: data.payment_id is missing.")
    return event


def _hash(content: dict[str, Any], but: Collection[str]) -> bytes:
    said = {name: value for name, value in content.items() if name not in but}
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).digest()
