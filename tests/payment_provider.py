"""The payment provider for tests: any state of a payment, Stripe's own manner, and the faults of real providers."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import parse_qsl

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from demo.payments import provider
from demo.payments.provider import FORGED_SECRET, WEBHOOK_SECRET, Answer, DemoProvider, Happened, refusal
from domain.payments import PaymentState

PAYER = {"name": "Alenka Novak", "email": "alenka.novak@example.com", "phone": None, "address": None}
"""A person whose name and address must not turn up in a shop's logs."""

Kind = Literal["answer", "slow", "hang", "cut", "cut-midway", "lost", "drip", "endless"]

_S = PaymentState
_STATUS = {
    _S.pending: "requires_payment_method",
    _S.declined: "requires_payment_method",
    _S.authorised: "requires_capture",
    _S.cancelled: "canceled",
}
_EVENTS = {
    _S.pending: "payment_intent.requires_action",
    _S.authorised: "payment_intent.amount_capturable_updated",
    _S.captured: "payment_intent.succeeded",
    _S.declined: "payment_intent.payment_failed",
    _S.cancelled: "payment_intent.canceled",
}
_BACK = (_S.refunded, _S.partially_refunded)
_METADATA = re.compile(r"metadata\[([^\]]{1,40})\]")


@dataclass
class HeldPayment(provider.HeldPayment):
    """A payment. `refunded` is what went back by refunds; a lost dispute takes money back besides."""

    refunded: int = 0
    dispute: dict[str, Any] | None = None

    @property
    def captured(self) -> bool:
        """Whether the money has ever been the shop's."""
        return self.state not in _STATUS

    @property
    def gone(self) -> int:
        return self.refunded + (self.dispute["amount"] if self.dispute and self.dispute["status"] == "lost" else 0)

    def become(self, state: PaymentState, refunded: int | None) -> None:
        """Go into a state; `refunded` is how much went back by then, if that is a part of the amount."""
        gone, disputed = self._gone_in(state, refunded), self.state is _S.disputed
        self.state = state
        if not self.captured:
            self.refunded, self.dispute = 0, None
        elif state is _S.disputed:
            self.refunded, self.dispute = gone, {"amount": self.amount - gone, "status": "needs_response"}
        elif disputed and gone > self.refunded:
            self.dispute = {"amount": gone - self.refunded, "status": "lost"}
        else:
            self.refunded = gone
            if self.dispute:
                self.dispute["status"] = "won"

    def _gone_in(self, state: PaymentState, refunded: int | None) -> int:
        before = self.gone if self.gone < self.amount else 0
        match state:
            case _S.refunded:
                return self.amount
            case _S.disputed:
                return before
            case _S.partially_refunded:
                part = (before or self.amount // 2) if refunded is None else refunded
                assert 0 < part < self.amount
                return part
            case _:
                return 0

    def charge(self) -> dict[str, Any]:
        return {
            "id": f"ch_{self.id.removeprefix('pi_')}",
            "object": "charge",
            "amount": self.amount,
            "amount_captured": self.amount if self.captured else 0,
            "amount_refunded": self.refunded if self.state is not _S.cancelled else self.amount,
            "billing_details": PAYER,
            "disputed": self.dispute is not None,
            "payment_intent": self.id,
        }

    def intent(self, *, expanded: bool = True) -> dict[str, Any]:
        charge = self.charge() if self.state is not _S.pending else None
        return {
            "id": self.id,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_received": self.amount if self.captured else 0,
            "client_secret": f"{self.id}_secret_for_the_browser",
            "created": self.created,
            "currency": self.currency.lower(),
            "last_payment_error": {"code": "card_declined"} if self.state is _S.declined else None,
            "latest_charge": charge if expanded or charge is None else charge["id"],
            "livemode": False,
            "metadata": self.metadata,
            "receipt_email": PAYER["email"],
            "status": _STATUS.get(self.state, "succeeded"),
        }

    def disputes(self) -> list[dict[str, Any]]:
        ids = {"id": f"dp_{self.id.removeprefix('pi_')}", "object": "dispute", "payment_intent": self.id}
        return [ids | self.dispute] if self.dispute else []

    def event(self, before: PaymentState) -> tuple[str, dict[str, Any]]:
        """Type of the event that brought it here, and the object that it is about."""
        if self.state is _S.disputed:
            return "charge.dispute.created", self.disputes()[0]
        if before is _S.disputed and self.dispute:
            return "charge.dispute.closed", self.disputes()[0]
        if self.state in _BACK:
            return "charge.refunded", self.charge()
        if self.state is _S.captured and before in _BACK:
            return "refund.failed", {"id": f"re_{self.id}", "object": "refund", "payment_intent": self.id}
        return _EVENTS[self.state], self.intent(expanded=False)


@dataclass
class Misbehaviour:
    """What to do with the next calls, instead of answering them.

    | kind | |
    | --- | --- |
    | `answer` | answer with `status`, `headers` and `body`; without a body, with an error in the provider's manner |
    | `slow` | answer after `seconds` |
    | `hang` | never answer |
    | `cut` | read the call, do nothing, and break the connection |
    | `lost` | do what was asked, and break the connection before the answer |
    | `cut-midway` | break the connection in the middle of the answer |
    | `drip` | answer a byte every `seconds` |
    | `endless` | answer without an end |
    """

    kind: Kind
    times: int | None = 1
    """The number of calls; None for all, until `behave`."""
    payment_id: str | None = None
    """Only calls about this payment."""
    path: str = ""
    """Only calls of paths that begin so."""
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    content_type: str = "application/json"
    seconds: float = 1


@dataclass(frozen=True)
class Call:
    """A call of the provider's interface; `misbehaved` is what was done instead of answering."""

    method: str
    path: str
    payment_id: str | None
    idempotency_key: str | None
    misbehaved: Kind | None


class ProviderController(DemoProvider):
    """The provider, which misbehaves if a test asks for it."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._answers: dict[str, tuple[str, dict[str, Any]]] = {}
        self._rules: list[Misbehaviour] = []
        self._calls: list[Call] = []

    async def begin(
        self, order_id: int | str | None, amount: int, currency: str = "EUR", *, metadata: dict[str, str] | None = None
    ) -> HeldPayment:
        told = dict(metadata or {}) | ({} if order_id is None else {"order_id": str(order_id)})
        return self.add(amount, currency, told)

    def add(self, amount: int, currency: str, metadata: dict[str, str]) -> HeldPayment:
        payment = HeldPayment(f"pi_{secrets.token_hex(12)}", amount, currency, metadata, int(time.time()))
        self.held[payment.id] = payment
        self.record(payment, "payment_intent.created", payment.intent(expanded=False))
        return replace(payment)

    async def move(
        self, payment_id: str, state: PaymentState, *, refunded: int | None = None, at: datetime | None = None
    ) -> Happened:
        """Put a payment into any state, whatever it was in; `refunded` and `at` see `HeldPayment.become`, `record`."""
        payment = self._payment(payment_id)
        before = payment.state
        payment.become(state, refunded)
        type_, about = payment.event(before)
        return self.record(payment, type_, about, int(at.timestamp()) if at else None)

    async def send(
        self,
        event_ids: Sequence[str],
        url: str,
        *,
        forged: bool = False,
        scheme: Literal["standard", "stripe"] = "standard",
        clock_offset: int = 0,
    ) -> list[int]:
        """Call a shop back about these events, one after the other; returns its answers."""
        secret, events = FORGED_SECRET if forged else WEBHOOK_SECRET, {event.id: event for event in self.happened}
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            answers = []
            for event_id in event_ids:
                if scheme == "stripe":
                    body, headers = _stripes(events[event_id], secret, clock_offset)
                else:
                    body, headers = provider.callback(events[event_id], secret, clock_offset_s=clock_offset)
                headers = {"content-type": "application/json", **headers}
                answers.append((await http.post(url, content=body, headers=headers)).status_code)
        return answers

    async def payments(self) -> list[HeldPayment]:
        """All payments, oldest first."""
        return [self._payment(payment_id) for payment_id in list(self.held)]

    async def events(self) -> list[Happened]:
        """All events, oldest first."""
        return list(self.happened)

    async def misbehave(self, kind: Kind, **fields: Any) -> None:
        """Have the next call misbehave, such as `misbehave("answer", status=429, headers={"Retry-After": "7"})`."""
        self._rules.append(Misbehaviour(kind, **fields))

    async def behave(self) -> None:
        """Undo every `misbehave`."""
        self._rules.clear()

    async def calls(self) -> list[Call]:
        """Calls of the interface, oldest first."""
        return list(self._calls)

    async def clear(self) -> None:
        """Forget everything, and behave."""
        self.held.clear()
        self.happened.clear()
        self._answers.clear()
        self._rules.clear()
        self._calls.clear()

    def routes(self) -> list[Route]:
        return [
            Route("/v1/payment_intents", self.guarded(self._create), methods=["POST"]),
            Route("/v1/disputes", self.guarded(self._disputes)),
            *super().routes(),
        ]

    def guarded(self, endpoint: Answer) -> Answer:
        behaving = super().guarded(endpoint)

        async def answer(request: Request) -> Response:
            await request.body()  # whatever is done with a call, it was read to its end
            payment_id = request.path_params.get("payment_id") or request.query_params.get("payment_intent")
            rule = self._due(request, payment_id)
            key = request.headers.get("idempotency-key")
            self._calls.append(Call(request.method, request.url.path, payment_id, key, rule.kind if rule else None))
            response = await _misbehaved(rule, request, endpoint) if rule else await behaving(request)
            response.headers["Request-Id"] = f"req_{secrets.token_hex(7)}"
            return response

        return answer

    async def retrieve(self, request: Request) -> Response:
        if request.path_params["payment_id"] not in self.held:
            return await super().retrieve(request)
        expanded = "latest_charge" in request.query_params.values()
        return JSONResponse(self._payment(request.path_params["payment_id"]).intent(expanded=expanded))

    async def list_events(self, request: Request) -> Response:
        types = {value for name, value in request.query_params.multi_items() if re.fullmatch(r"types\[\d*\]", name)}
        since = int(request.query_params.get("created[gte]", 0))
        newest_first = sorted(self.happened, key=lambda event: event.created)[::-1]
        wanted = [e.object for e in newest_first if e.created >= since and (not types or e.object["type"] in types)]
        return self.page(request, wanted)

    def page(self, request: Request, newest_first: Sequence[dict[str, Any]]) -> Response:
        limit, after = int(request.query_params.get("limit", 10)), request.query_params.get("starting_after")
        ids = [found["id"] for found in newest_first]
        start = ids.index(after) + 1 if after else 0
        data = newest_first[start : start + limit]
        more = start + limit < len(ids)
        return JSONResponse({"object": "list", "url": request.url.path, "data": data, "has_more": more})

    def _payment(self, payment_id: str) -> HeldPayment:
        payment = self.held[payment_id]
        assert isinstance(payment, HeldPayment)
        return payment

    async def _create(self, request: Request) -> Response:
        fields = parse_qsl((await request.body()).decode(), keep_blank_values=True)
        key, asked = request.headers.get("idempotency-key", ""), repr(sorted(fields))
        if key in self._answers:
            first, body = self._answers[key]
            if first != asked:
                return refusal(400, "This key came with another request before.", "idempotency_error")
            return JSONResponse(body, headers={"Idempotent-Replayed": "true"})
        told = dict(fields)
        metadata = {found[1]: value for name, value in fields if (found := _METADATA.fullmatch(name))}
        payment = self.add(int(told["amount"]), told["currency"].upper(), metadata)
        self._answers[key] = asked, payment.intent(expanded=False)
        return JSONResponse(self._answers[key][1])

    async def _disputes(self, request: Request) -> Response:
        return self.page(request, self._payment(request.query_params["payment_intent"]).disputes())

    def _due(self, request: Request, payment_id: str | None) -> Misbehaviour | None:
        for rule in self._rules:
            concerned = request.url.path.startswith(rule.path) and rule.payment_id in (None, payment_id)
            if concerned and rule.times != 0:
                rule.times = None if rule.times is None else rule.times - 1
                return rule
        return None


async def _misbehaved(rule: Misbehaviour, request: Request, answer: Answer) -> Response:
    match rule.kind:
        case "answer":
            body = refusal(0, f"Told to answer {rule.status}.").body if rule.body is None else rule.body
            return Response(body, rule.status, rule.headers, rule.content_type)
        case "slow":
            await asyncio.sleep(rule.seconds)
            return await answer(request)
        case "hang":
            return _Hang()
        case "cut":
            return _Cut(b"")
        case "lost":
            await answer(request)
            return _Cut(b"")
        case "cut-midway":
            return _Cut((await answer(request)).body)
        case "drip":
            return StreamingResponse(_drip(bytes((await answer(request)).body), rule.seconds), media_type=_JSON)
        case "endless":
            return StreamingResponse(_endless(), media_type=_JSON)


_JSON = "application/json"


class _Hang(Response):
    """Says nothing until the client has gone."""

    async def __call__(self, _scope: Scope, receive: Receive, _send: Send) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass


class _Cut(Response):
    """Announces the whole answer, sends half of it, and ends: then the server breaks the connection."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"content-type", _JSON.encode()), (b"content-length", str(len(self.body) or 1).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self.body[: len(self.body) // 2], "more_body": True})


async def _drip(whole: bytes, seconds: float) -> AsyncIterator[bytes]:
    for byte in whole:
        yield bytes([byte])
        await asyncio.sleep(seconds)


async def _endless() -> AsyncIterator[bytes]:
    while True:
        yield b"[" * 65_536
        await asyncio.sleep(0)  # once the client has gone, sending waits for nothing


def _stripes(event: Happened, secret: str, clock_offset: int) -> tuple[str, dict[str, str]]:
    """A callback in Stripe's manner. There the key is the secret as it stands, its prefix included."""
    at, body = int(datetime.now(UTC).timestamp()) + clock_offset, json.dumps(event.object)
    signature = hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    return body, {"stripe-signature": f"t={at},v1={signature}"}
