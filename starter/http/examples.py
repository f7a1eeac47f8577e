"""Requests and responses as the OpenAPI description shows them. A test holds them against the schemas."""

from __future__ import annotations

from typing import Any

from starter.http.problems import ProblemType
from starter.http.report_examples import REPORT_PROBLEMS, REPORT_RESPONSES

_TEAPOT = {"name": "Teapot", "quantity": 1, "unit_price": 3450}
_SAUCER = {"name": "Saucer", "quantity": 2, "unit_price": 990}
_LINKS = {"self": "/orders/1042", "job": "/jobs/order-confirmation/1042"}

NEW_ORDERS: dict[str, Any] = {
    "known-customer": {
        "summary": "Of a customer whom the shop knows, on an invoice",
        "value": {"customer_id": 1, "currency": "EUR", "items": [_TEAPOT, _SAUCER], "payment": "later"},
    },
    "new-customer": {
        "summary": "Of a new customer, paid online",
        "value": {
            "customer": {"name": "Ada Lovelace", "email": "ada@example.com", "locale": "en_GB"},
            "currency": "GBP",
            "items": [_TEAPOT],
            "gift_note": "For Charles",
            "payment": "online",
        },
    },
}

_PLACED = {
    "id": 1042,
    "customer_id": 1,
    "currency": "EUR",
    "total": 5430,
    "payment": "later",
    "links": _LINKS,
}

_TAKEN: dict[str, Any] = {
    "later": {"summary": "Paid later: its confirmation is under way", "value": _PLACED},
    "online": {
        "summary": "Paid online: no job yet",
        "value": _PLACED | {"payment": "online", "links": _LINKS | {"job": None}},
    },
}

_ORDER: dict[str, Any] = {
    "confirmed": {
        "value": _PLACED
        | {
            "items": [_TEAPOT, _SAUCER],
            "gift_note": None,
            "placed_at": "2026-03-29T08:30:00Z",
            "paid_at": None,
            "confirmation_sent_at": "2026-03-29T08:30:01Z",
        }
    }
}

_WEB_UI = "https://temporal.example.com/namespaces/shop/workflows/order-confirmation%2F1042"
_NOTHING = dict.fromkeys(
    ("outcome", "attempt", "next_attempt_at", "error", "waiting", "enqueued_at", "started_at", "closed_at", "web_ui")
)
_JOB = {
    "id": "order-confirmation/1042",
    "kind": "order-confirmation",
    **_NOTHING,
    "links": {"self": "/jobs/order-confirmation/1042"},
}
_STARTED = {"started_at": "2026-03-29T08:30:00Z", "web_ui": _WEB_UI}

_JOBS: dict[str, Any] = {
    "completed": {
        "value": _JOB
        | _STARTED
        | {
            "state": "completed",
            "outcome": {"outcome": "done", "reference": "order-confirmation/1042", "facts": {}},
            "closed_at": "2026-03-29T08:30:01Z",
        }
    },
    "retried": {
        "value": _JOB
        | _STARTED
        | {
            "state": "running",
            "attempt": {"number": 2, "max": 4, "step": "order_confirmation.confirm"},
            "next_attempt_at": "2026-03-29T08:30:14Z",
            "error": {"type": "RateLimited", "message": "The mail server asks us to slow down (451 4.7.1)."},
        }
    },
    "enqueued": {
        "value": _JOB
        | {
            "state": "enqueued",
            "waiting": "for a relay to hand it to Temporal",
            "enqueued_at": "2026-03-29T08:30:00Z",
        }
    },
}

_CANCELLED: dict[str, Any] = {
    name: {"value": {key: _JOB[key] for key in ("id", "kind", "links")} | {"state": name}}
    for name in ("running", "cancelled")
}

_READY = {"ready": True, "database": "there", "temporal": "there"}

RESPONSES: dict[tuple[str, str, str], dict[str, Any]] = {
    ("/orders", "post", "202"): _TAKEN,
    ("/orders/{order_id}", "get", "200"): _ORDER,
    **REPORT_RESPONSES,
    ("/jobs/{kind}/{id}", "get", "200"): _JOBS,
    ("/jobs/{kind}/{id}", "delete", "202"): _CANCELLED,
    ("/healthz", "get", "200"): {"alive": {"value": {"status": "ok"}}},
    ("/readyz", "get", "200"): {
        "ready": {"value": _READY},
        "without-temporal": {"value": _READY | {"temporal": "away"}},
    },
    ("/readyz", "get", "503"): {"no-database": {"value": _READY | {"ready": False, "database": "away"}}},
}
"""By path, method and status."""

PROBLEMS: dict[ProblemType, dict[str, Any]] = {
    ProblemType.malformed_request: {"detail": "The body is not JSON: Expecting ',' delimiter at line 1, column 20."},
    ProblemType.invalid_idempotency_key: {
        "detail": "Send one Idempotency-Key, of 1 to 255 printable ASCII characters."
    },
    ProblemType.unauthorized: {"detail": "The API key is not valid: it is unknown, expired or revoked."},
    ProblemType.invalid_signature: {
        "detail": "webhook-signature does not fit webhook-id, webhook-timestamp and body, or is too old."
    },
    ProblemType.not_found: {"detail": "There is no order with this number."},
    ProblemType.method_not_allowed: {"detail": "Ask for it by GET."},
    ProblemType.request_timeout: {"detail": "The body did not arrive within 20 s."},
    ProblemType.still_at_work: {
        "detail": "The first request with this Idempotency-Key is still at work. Send the same again in a moment."
    },
    ProblemType.job_has_ended: {"detail": "The job cannot be cancelled: it has ended (completed)."},
    ProblemType.event_id_reused: {
        "detail": "An event with this id was received before, and it said something else. This one is not heeded."
    },
    **REPORT_PROBLEMS,
    ProblemType.body_too_large: {"detail": "The body is larger than 65536 bytes, which is the most that is taken."},
    ProblemType.unsupported_media_type: {"detail": "Send the body as `Content-Type: application/json`, in UTF-8."},
    ProblemType.invalid_request: {
        "detail": "The body does not fit; `errors` tells where, and what is expected.",
        "errors": [{"pointer": "#/items/0/quantity", "detail": "must be greater than or equal to 1"}],
    },
    ProblemType.idempotency_key_reused: {
        "detail": "This Idempotency-Key belongs to another request, with another body. Choose a new one."
    },
    ProblemType.internal_error: {
        "detail": "Something went wrong here. The log has it under what `instance` says.",
        "instance": "urn:uuid:7f4ad0e0-6d0c-4a5e-8f6b-0d8b8f6e4d11",
    },
    ProblemType.unavailable: {"detail": "The database is away for now. Try again."},
}
"""What follows type, title and status."""
