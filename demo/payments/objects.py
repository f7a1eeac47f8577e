"""The provider's objects in JSON: Stripe's fields, as far as shops look at them, and some that they had better not."""

from __future__ import annotations

from typing import Any

from demo.payments.held import HeldDispute, HeldPayment
from domain.payments import PaymentState

API_VERSION = "2026-10-28.endive"

_S = PaymentState

_STATUS = {
    _S.pending: "requires_payment_method",
    _S.declined: "requires_payment_method",
    _S.authorised: "requires_capture",
    _S.cancelled: "canceled",
}

_DECLINED = {
    "type": "card_error",
    "code": "card_declined",
    "decline_code": "generic_decline",
    "message": "Your card was declined.",
}

PAYER = {"name": "Alenka Novak", "email": "alenka.novak@example.com", "phone": None, "address": None}
"""Somebody whose name and address must not turn up in a shop's logs."""


def intent(payment: HeldPayment, *, expanded: bool = False) -> dict[str, Any]:
    """The payment itself; `expanded` has its charge in it."""
    latest: Any = None
    if payment.state is not _S.pending:
        latest = charge(payment) if expanded else payment.charge_id
    return {
        "id": payment.id,
        "object": "payment_intent",
        "amount": payment.amount,
        "amount_capturable": payment.amount if payment.state is _S.authorised else 0,
        "amount_received": payment.amount if payment.captured else 0,
        "capture_method": "automatic",
        "client_secret": f"{payment.id}_secret_for_the_browser",
        "created": payment.created,
        "currency": payment.currency.lower(),
        "last_payment_error": _DECLINED if payment.state is _S.declined else None,
        "latest_charge": latest,
        "livemode": False,
        "metadata": payment.metadata,
        "receipt_email": PAYER["email"],
        "status": _STATUS.get(payment.state, "succeeded"),
    }


def charge(payment: HeldPayment) -> dict[str, Any]:
    """The money's movement."""
    return {
        "id": payment.charge_id,
        "object": "charge",
        "amount": payment.amount,
        "amount_captured": payment.amount if payment.captured else 0,
        "amount_refunded": payment.refunded if payment.state is not _S.cancelled else payment.amount,
        "billing_details": PAYER,
        "captured": payment.captured,
        "created": payment.created,
        "currency": payment.currency.lower(),
        "disputed": bool(payment.disputes),
        "livemode": False,
        "metadata": payment.metadata,
        "paid": payment.state is not _S.declined,
        "payment_intent": payment.id,
        "refunded": payment.refunded == payment.amount,
        "status": "failed" if payment.state is _S.declined else "succeeded",
    }


def dispute(payment: HeldPayment, held: HeldDispute) -> dict[str, Any]:
    """A dispute of the payment."""
    return {
        "id": held.id,
        "object": "dispute",
        "amount": held.amount,
        "charge": payment.charge_id,
        "currency": payment.currency.lower(),
        "payment_intent": payment.id,
        "reason": "fraudulent",
        "status": held.status,
    }


_INTENT_EVENTS = {
    _S.pending: "payment_intent.requires_action",
    _S.authorised: "payment_intent.amount_capturable_updated",
    _S.captured: "payment_intent.succeeded",
    _S.declined: "payment_intent.payment_failed",
    _S.cancelled: "payment_intent.canceled",
}


def happened(payment: HeldPayment, before: PaymentState | None) -> tuple[str, dict[str, Any]]:
    """Type of the event that brought the payment from `before` to its state, and the object that it is about."""
    if before is None:
        return "payment_intent.created", intent(payment)
    if payment.state is _S.disputed:
        return "charge.dispute.created", dispute(payment, payment.disputes[-1])
    if before is _S.disputed and payment.disputes:
        return "charge.dispute.closed", dispute(payment, payment.disputes[-1])
    if payment.state in (_S.refunded, _S.partially_refunded):
        return "charge.refunded", charge(payment)
    if payment.state is _S.captured and before in (_S.refunded, _S.partially_refunded):
        refund = {
            "id": f"re_{payment.id.removeprefix('pi_')}",
            "object": "refund",
            "payment_intent": payment.id,
            "status": "failed",
        }
        return "refund.failed", refund
    return _INTENT_EVENTS[payment.state], intent(payment)


def event(event_id: str, type_: str, created: int, about: dict[str, Any]) -> dict[str, Any]:
    """Something that happened."""
    return {
        "id": event_id,
        "object": "event",
        "api_version": API_VERSION,
        "created": created,
        "data": {"object": about},
        "livemode": False,
        "pending_webhooks": 1,
        "request": None,
        "type": type_,
    }


def listing(url: str, found: list[dict[str, Any]], *, more: bool) -> dict[str, Any]:
    """A page of objects."""
    return {"object": "list", "url": url, "data": found, "has_more": more}


def error(type_: str, code: str, message: str) -> dict[str, Any]:
    """What is said instead."""
    return {"error": {"type": type_, "code": code, "message": message}}
