"""`/webhooks/payments`: where the payment provider tells that something changed."""

from __future__ import annotations

import asyncio
import logging

from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from adapters.db.payment_events import Reception
from adapters.payments.callbacks import Event, NotTheirs, Unreadable
from adapters.telemetry.http_requests import CallbackOutcome
from domain.alerts import Alert, AlertKind, Alerts
from domain.errors import JobError
from domain.payment_callback import PaymentCallbackRequest
from starter.http.openapi import problems
from starter.http.parts import parts_of
from starter.http.problems import Problem, ProblemType, unavailable

_log = logging.getLogger(__name__)

SIGNATURE = "Webhook-Signature"
"""Of `WWW-Authenticate`: a request is to be signed as the payment provider signs its callbacks."""

_SOME_TIME = 300
"""Seconds of `Retry-After` where somebody has to mend our settings first."""

_ALERT_LIMIT = 5
"""Seconds. The provider waits for its answer."""


_HEADERS = [
    {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string"},
        "examples": {"sent": {"value": example}},
    }
    for name, description, example in (
        ("webhook-id", "Standard Webhooks: the event's id, the same whenever it is sent again.", "evt_1PgafUDvp"),
        ("webhook-timestamp", "Standard Webhooks: when it is sent, in seconds since 1970.", "1774773000"),
        (
            "webhook-signature",
            "Standard Webhooks: signatures, separated by spaces; one has to fit.",
            "v1,K5oZfzN95Z9",
        ),
        (
            "Stripe-Signature",
            "Stripe's scheme, instead of the other three.",
            "t=1774773000,v1=5257a869e7ecebeda32a",
        ),
    )
]
_EVENT = {
    "type": "payment.captured",
    "timestamp": "2026-03-29T08:30:00Z",
    "data": {"payment_id": "pi_3MtwBwLkdIwHu"},
}
_BODY = {
    "required": True,
    "description": "As Standard Webhooks or Stripe have it. The signature is of these very bytes.",
    "content": {"application/json": {"schema": {"type": "object"}, "examples": {"standard": {"value": _EVENT}}}},
}

_OUTCOMES: dict[Reception, CallbackOutcome] = {
    Reception.new: "accepted",
    Reception.repeated: "repeated",
    Reception.different: "different",
}

router = APIRouter(tags=["webhooks"])


@router.post(
    "/webhooks/payments",
    operation_id="receive_payment_event",
    status_code=202,
    summary="Tell of a payment that changed",
    response_class=Response,
    response_description="The event is kept, and its job is under way. It may have been before.",
    responses=problems(
        ProblemType.malformed_request,
        ProblemType.invalid_signature,
        ProblemType.request_timeout,
        ProblemType.event_id_reused,
        ProblemType.body_too_large,
        ProblemType.internal_error,
        ProblemType.unavailable,
    ),
    openapi_extra={"parameters": _HEADERS, "requestBody": _BODY},
)
async def receive(request: Request) -> Response:
    """For the payment provider, whose signature takes an API key's place.

    An event counts once, for ever, however often it comes. What the payment's state is now, its job asks the provider.
    Events of types that nothing is to be done about are kept as well. Whatever is not answered with 2xx should be sent
    again: the provider does so by itself.
    """
    parts = parts_of(request.scope)
    if parts.callbacks is None:
        _log.error("Payment callbacks come in, and none can be taken: set PAYMENT_CALLBACK_SECRETS")
        raise unavailable("Payment callbacks are not configured here.", _SOME_TIME)
    try:
        body = await request.body()
    except ClientDisconnect:
        raise Problem(ProblemType.malformed_request, "The body broke off.") from None
    try:
        event = parts.callbacks(request.scope["headers"], body)
    except NotTheirs as exc:
        parts.callback_counts.add("refused")
        _log.warning("A payment callback is refused: %s", exc, extra={"action": "refuse-callback"})
        raise Problem(ProblemType.invalid_signature, str(exc), headers={"WWW-Authenticate": SIGNATURE}) from None
    except Unreadable as exc:
        parts.callback_counts.add("unreadable")
        _log.error("A payment callback is signed, and cannot be read: %s", exc, extra={"action": "refuse-callback"})
        raise Problem(ProblemType.malformed_request, str(exc)) from None
    reception = await parts.payment_events.receive(event.id, event.type, event.payment_id, event.hash)
    parts.callback_counts.add(_OUTCOMES[reception])
    if reception is Reception.different:
        _log.error(
            "Payment event %s came again and says something else: somebody reuses ids, or has our secret",
            event.id,
            extra={"action": "refuse-callback", "event_id": event.id, "event_type": event.type},
        )
        await _alert(parts.alerts, event)
        raise Problem(
            ProblemType.event_id_reused,
            "An event with this id was received before, and it said something else. This one is not heeded.",
        )
    return Response(status_code=202)


async def _alert(alerts: Alerts, event: Event) -> None:
    """Alert people, once for each content that comes under the id. The provider gets its answer in any case."""
    try:
        async with asyncio.timeout(_ALERT_LIMIT):
            await alerts.add(
                Alert(
                    kind=AlertKind.payment_event_reused,
                    key=f"{event.id}/{event.hash.hex()}",
                    job_id=f"{PaymentCallbackRequest.kind}/{event.id}",
                )
            )
    except Exception as exc:  # noqa: BLE001  # whatever it is, it says nothing against our answer
        _log.error(
            "Nobody is alerted of payment event %s until it comes again",
            event.id,
            extra={"action": "alert", "event_id": event.id, "error": type(exc).__name__},
            exc_info=None if isinstance(exc, JobError | TimeoutError) else exc,
        )
