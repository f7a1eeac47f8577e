"""The provider's objects, as far as they are read, and what they say of a payment.

Only what is needed is declared, so that new fields do no harm, and no card data or name ever gets further than here.
Types are strict: an amount that came as text or with decimals is none.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.errors import ServiceUnavailable
from domain.orders import MinorUnits
from domain.payments import Payment, PaymentState

_MOST = 2**63 - 1
_ORDER_ID = re.compile(r"[1-9][0-9]{0,18}")

Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,255}$")]
Amount = Annotated[MinorUnits, Field(le=_MOST // 100)]
"""With room for currencies that are counted in hundredths on one side alone."""


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)


class Charge(_Shape):
    """The money's movement."""

    object: Literal["charge"]
    amount: Amount
    amount_captured: Amount
    amount_refunded: Amount
    disputed: bool
    """Whether it ever was: stays true when the dispute is over."""


class Intent(_Shape):
    """A payment. `latest_charge` has to be asked for."""

    object: Literal["payment_intent"]
    id: Id
    status: str
    amount: Amount
    amount_received: Amount
    currency: Annotated[str, Field(pattern=r"^[a-z]{3}$")]
    metadata: dict[str, Any]
    last_payment_error: dict[str, Any] | None = None
    latest_charge: Charge | None


class Dispute(_Shape):
    """A customer's bank asks for money back."""

    object: Literal["dispute"]
    amount: Amount
    status: str


class DisputeList(_Shape):
    """All disputes of one payment."""

    object: Literal["list"]
    data: tuple[Dispute, ...]


class _Changed(_Shape):
    object: str
    id: Any = None
    payment_intent: Any = None


class _Data(_Shape):
    object: _Changed


class Event(_Shape):
    """Something that happened to a payment, its charge, a refund or a dispute."""

    object: Literal["event"]
    id: Id
    data: _Data

    @property
    def payment_id(self) -> str | None:
        """Of the payment that it happened to; None where it is about none, such as an old charge without one."""
        changed = self.data.object
        found = changed.id if changed.object == "payment_intent" else changed.payment_intent
        if isinstance(found, dict):  # the account has its events expanded
            found = found.get("id")
        return found if isinstance(found, str) else None


class EventList(_Shape):
    """A page of events, newest first."""

    object: Literal["list"]
    data: tuple[Event, ...]
    has_more: bool


class AnyList(_Shape):
    """A list of whatever."""

    object: Literal["list"]


ShapeT = TypeVar("ShapeT", bound=_Shape)


def read(shape: type[ShapeT], body: bytes, subject: str) -> ShapeT:
    """Make sense of an answer. Raises ServiceUnavailable, which names our fields and no value, where there is none."""
    try:
        return shape.model_validate_json(body)
    except ValidationError as exc:
        fields = sorted({str(error["loc"][0]) for error in exc.errors(include_input=False) if error["loc"]})
        what = f"without a usable {', '.join(fields)}" if fields else "that is no JSON object"
        raise ServiceUnavailable(f"the payment provider gave an answer for {subject} {what}") from None


_OVER = {"won": False, "warning_closed": False, "prevented": False, "lost": True}
"""Dispute that has ended → whether the money went back."""

_WAITING = frozenset({"requires_confirmation", "requires_action", "processing"})


def payment_of(intent: Intent, disputes: tuple[Dispute, ...] = ()) -> Payment:
    """What a payment's objects say. Raises ServiceUnavailable where they contradict each other, or are unknown to us.

    `disputes` are needed where the charge is `disputed`.
    """
    currency = intent.currency.upper()
    state, amount, refunded = _standing(intent, disputes)
    try:
        return Payment(
            id=intent.id,
            order_id=_order_id(intent.metadata.get("order_id")),
            state=state,
            amount=from_provider(amount, currency),
            currency=currency,
            refunded=from_provider(refunded, currency),
        )
    except ValueError:
        raise _senseless(intent, "an amount that its currency does not have") from None


def _standing(intent: Intent, disputes: tuple[Dispute, ...]) -> tuple[PaymentState, int, int]:
    """State, amount, and how much of it went back."""
    match intent.status:
        case "succeeded" if intent.latest_charge is not None:
            return _after_capture(intent, intent.latest_charge, disputes)
        case "succeeded":
            raise _senseless(intent, "no charge, though it succeeded")
        case "requires_payment_method":
            failed = intent.last_payment_error is not None
            return PaymentState.declined if failed else PaymentState.pending, intent.amount, 0
        case "requires_capture":
            return PaymentState.authorised, intent.amount, 0
        case "canceled":
            # What was released with it counts as refunded there. It never was ours.
            return PaymentState.cancelled, intent.amount, 0
        case status if status in _WAITING:
            return PaymentState.pending, intent.amount, 0
        case _:
            raise _senseless(intent, "a status that this version does not know")


def _after_capture(intent: Intent, charge: Charge, disputes: tuple[Dispute, ...]) -> tuple[PaymentState, int, int]:
    amount = intent.amount_received
    # What was reserved and not captured is given back as a refund there. It never was ours.
    released = max(charge.amount - charge.amount_captured, 0)
    refunded = max(charge.amount_refunded - released, 0)
    if charge.disputed and not disputes:
        raise _senseless(intent, "no dispute, though it is disputed")
    # Disputes are counted at the day's rate: together they can come to a little more.
    refunded = min(refunded + sum(dispute.amount for dispute in disputes if _OVER.get(dispute.status)), amount)
    if any(dispute.status not in _OVER for dispute in disputes):
        return PaymentState.disputed, amount, refunded
    if refunded == 0:
        return PaymentState.captured, amount, 0
    return PaymentState.refunded if refunded == amount else PaymentState.partially_refunded, amount, refunded


def _order_id(told: object) -> int | None:
    if not isinstance(told, str) or not _ORDER_ID.fullmatch(told):
        return None
    number = int(told)
    return number if number <= _MOST else None


def _senseless(intent: Intent, what: str) -> ServiceUnavailable:
    return ServiceUnavailable(f"the payment provider's answer for payment {intent.id} makes no sense: {what}")


_HUNDREDTHS_THERE = frozenset({"ISK", "UGX"})
_HUNDREDTHS_HERE = frozenset({"MGA"})


def from_provider(amount: int, currency: str) -> int:
    """The amount in ISO 4217's smallest unit. Raises ValueError where the currency has no such amount."""
    if currency in _HUNDREDTHS_THERE:
        return _divided(amount)
    return amount * 100 if currency in _HUNDREDTHS_HERE else amount


def to_provider(amount: int, currency: str) -> int:
    """The amount as the provider takes it. Raises ValueError where it has no such amount."""
    if currency in _HUNDREDTHS_HERE:
        return _divided(amount)
    return amount * 100 if currency in _HUNDREDTHS_THERE else amount


def _divided(amount: int) -> int:
    whole, rest = divmod(amount, 100)
    if rest:
        raise ValueError("an amount with hundredths, which this currency does not have there")
    return whole
