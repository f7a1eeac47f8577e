"""A payment provider in a thread of this process: Stripe's interface, as far as the shop uses it, and callbacks.

Tests that need more of it (refunds, disputes, faults) extend it.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import uvicorn
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from demo.part import PartFailed
from demo.ports import LOOPBACK
from domain.payments import PaymentState

Answer = Callable[[Request], Awaitable[Response]]

# No secrets: they open nothing but this demo.
API_KEY = "sk_test_corner_shop"

WEBHOOK_SECRET = f"whsec_{base64.b64encode(b'the corner shop of the demo').decode()}"
"""Signs callbacks, by Standard Webhooks or in Stripe's manner."""

FORGED_SECRET = f"whsec_{base64.b64encode(b'somebody who is not the provider').decode()}"
"""What a forger signs with."""

_EVENTS = {
    PaymentState.pending: "payment_intent.created",
    PaymentState.captured: "payment_intent.succeeded",
    PaymentState.declined: "payment_intent.payment_failed",
}


@dataclass
class HeldPayment:
    """A payment as the provider holds it."""

    id: str
    amount: int
    currency: str
    metadata: dict[str, str]
    created: int
    state: PaymentState = PaymentState.pending

    def intent(self) -> dict[str, Any]:
        """Stripe's object, with its charge in it."""
        captured = self.amount if self.state is PaymentState.captured else 0
        amounts = {"amount": self.amount, "amount_captured": captured, "amount_refunded": 0, "disputed": False}
        return {
            "id": self.id,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_received": captured,
            "currency": self.currency.lower(),
            "last_payment_error": {"code": "card_declined"} if self.state is PaymentState.declined else None,
            "latest_charge": {"object": "charge", "payment_intent": self.id, **amounts} if captured else None,
            "metadata": self.metadata,
            "status": "succeeded" if captured else "requires_payment_method",
        }


@dataclass(frozen=True)
class Happened:
    """An event, and Stripe's object of it."""

    id: str
    payment_id: str
    state: PaymentState
    created: int
    object: dict[str, Any]


class DemoProvider:
    """One provider. Its own methods are for this process; shops call its HTTP interface."""

    def __init__(self, port: int) -> None:
        """It serves after `start`."""
        self.port = port
        self.held: dict[str, HeldPayment] = {}
        self.happened: list[Happened] = []

    def start(self) -> None:
        """Serve in a thread. Raises `PartFailed` if the port is taken."""
        application = Starlette(
            routes=self.routes(),
            # Other sites that a browser has open must not reach it under a name of their own.
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
        )
        config = uvicorn.Config(
            application,
            host=LOOPBACK,
            port=self.port,
            log_config=None,
            log_level="critical",
            timeout_graceful_shutdown=1,
            # Longer than clients keep a connection, so that none is closed on them while they send.
            timeout_keep_alive=60,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name="payment-provider", daemon=True)
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise PartFailed("payments", "it does not start.", last_lines="address already in use", do="Try again.")
            time.sleep(0.005)

    def stop(self) -> None:
        """Stop serving; the payments stay."""
        self._server.should_exit = True
        self._thread.join()

    async def begin(self, order_id: int | str | None, amount: int, currency: str = "EUR") -> HeldPayment:
        """Begin a payment for an order, as a shop does at a checkout; it is pending then."""
        return self.add(amount, currency, {} if order_id is None else {"order_id": str(order_id)})

    async def move(self, payment_id: str, state: PaymentState) -> Happened:
        """Put a payment into a state. Raises KeyError."""
        payment = self.held[payment_id]
        payment.state = state
        return self.record(payment, _EVENTS[state], payment.intent())

    async def send(self, event_ids: Sequence[str], url: str, *, forged: bool = False) -> list[int]:
        """Call a shop back about these events, one after the other; returns its answers."""
        events = {event.id: event for event in self.happened}
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            answers = []
            for event_id in event_ids:
                body, headers = callback(events[event_id], FORGED_SECRET if forged else WEBHOOK_SECRET)
                headers = {"content-type": "application/json", **headers}
                answers.append((await http.post(url, content=body, headers=headers)).status_code)
        return answers

    def add(self, amount: int, currency: str, metadata: dict[str, str]) -> HeldPayment:
        """Make a payment."""
        payment = HeldPayment(f"pi_{secrets.token_hex(12)}", amount, currency, metadata, int(time.time()))
        self.held[payment.id] = payment
        self.record(payment, _EVENTS[payment.state], payment.intent())
        return payment

    def record(self, payment: HeldPayment, type_: str, about: dict[str, Any], at: int | None = None) -> Happened:
        """Keep what happened to a payment, now or at another time."""
        created, event_id = int(time.time()) if at is None else at, f"evt_{secrets.token_hex(12)}"
        whole = {"id": event_id, "object": "event", "created": created, "data": {"object": about}, "type": type_}
        event = Happened(event_id, payment.id, payment.state, created, whole)
        self.happened.append(event)
        return event

    def routes(self) -> list[Route]:
        """The interface for shops."""
        return [
            Route("/v1/payment_intents/{payment_id}", self.guarded(self.retrieve)),
            Route("/v1/payment_intents", self.guarded(self.list_payments)),
            Route("/v1/events", self.guarded(self.list_events)),
        ]

    def guarded(self, endpoint: Answer) -> Answer:
        """The endpoint, for those who have the key."""

        async def answer(request: Request) -> Response:
            if request.headers.get("authorization") != f"Bearer {API_KEY}":
                return refusal(401, "Invalid API key provided.")
            return await endpoint(request)

        return answer

    async def retrieve(self, request: Request) -> Response:
        """One payment."""
        payment = self.held.get(payment_id := request.path_params["payment_id"])
        return JSONResponse(payment.intent()) if payment else refusal(404, f"No such payment_intent: '{payment_id}'")

    async def list_payments(self, request: Request) -> Response:
        """All payments."""
        return self.page(request, [payment.intent() for payment in list(self.held.values())[::-1]])

    async def list_events(self, request: Request) -> Response:
        """All events since a time."""
        since = int(request.query_params.get("created[gte]", 0))
        newest_first = sorted(self.happened, key=lambda event: event.created)[::-1]
        return self.page(request, [event.object for event in newest_first if event.created >= since])

    def page(self, request: Request, newest_first: Sequence[dict[str, Any]]) -> Response:
        """A list of objects, in one page."""
        return JSONResponse({"object": "list", "url": request.url.path, "data": newest_first, "has_more": False})


def callback(event: Happened, secret: str, *, clock_offset_s: int = 0) -> tuple[str, dict[str, str]]:
    """Body and headers of an event's callback, signed by Standard Webhooks."""
    moment = datetime.fromtimestamp(event.created, UTC).isoformat()
    about = {"type": f"payment.{event.state.name}", "timestamp": moment, "data": {"payment_id": event.payment_id}}
    body = json.dumps({"id": event.id, **about})
    return body, signature(secret, message_id=event.id, at=int(time.time()) + clock_offset_s, body=body)


def signature(secret: str, *, message_id: str, at: int, body: str) -> dict[str, str]:
    """Headers of Standard Webhooks; `at` is in seconds since 1970."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": Webhook(secret).sign(message_id, datetime.fromtimestamp(at, UTC), body),
    }


def refusal(status: int, message: str, type_: str = "invalid_request_error") -> Response:
    """An error in the provider's manner."""
    return JSONResponse({"error": {"type": type_, "code": "refused", "message": message}}, status)
