"""The provider's interface for shops, as Stripe's: create, retrieve and list payments, list events and disputes."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from demo.payments import objects
from demo.payments.behaviour import Script
from demo.payments.book import Book, Happened
from demo.payments.connections import Connections
from demo.payments.faults import Answer, misbehaved
from demo.payments.keys import API_KEY

_MOST = 100
_USUAL = 10
_METADATA = re.compile(r"metadata\[([^\]]{1,40})\]")
_CREATED = re.compile(r"created\[(gte|gt|lte|lt)\]")
_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "gte": lambda created, told: created >= told,
    "gt": lambda created, told: created > told,
    "lte": lambda created, told: created <= told,
    "lt": lambda created, told: created < told,
}

Fields = list[tuple[str, str]]


def routes(book: Book, script: Script, connections: Connections, tell: Callable[[Happened], None]) -> list[Route]:
    """The interface over a book. `tell` is called with everything that happened to a payment."""

    async def create(request: Request) -> Response:
        fields = parse_qsl((await request.body()).decode(), keep_blank_values=True)
        key = request.headers.get("idempotency-key")
        asked = repr(sorted(fields))
        if key is not None and (first := book.answers.get(key)):
            if first.asked != asked:
                return _refused(
                    400, "idempotency_error", "idempotency_key_in_use", "This key came with another request before."
                )
            return JSONResponse(first.body, headers={"Idempotent-Replayed": "true"})
        told = dict(fields)
        amount, currency = told.get("amount", ""), told.get("currency", "")
        if not re.fullmatch(r"[1-9][0-9]{0,11}", amount):
            return _refused(400, "invalid_request_error", "parameter_invalid_integer", "Invalid amount.")
        if not re.fullmatch(r"[a-z]{3}", currency):
            return _refused(400, "invalid_request_error", "parameter_invalid_string", "Invalid currency.")
        metadata = {found[1]: value for name, value in fields if (found := _METADATA.fullmatch(name))}
        payment, event = book.begin(int(amount), currency.upper(), metadata, key=key, asked=asked)
        tell(event)
        return JSONResponse(objects.intent(payment))

    async def retrieve(request: Request) -> Response:
        payment = book.payments.get(request.path_params["payment_id"])
        if payment is None:
            return _no_such("payment_intent", request.path_params["payment_id"])
        return JSONResponse(objects.intent(payment, expanded=_expands(request, "latest_charge")))

    async def payments(request: Request) -> Response:
        expanded = _expands(request, "data.latest_charge")
        return _page(
            request, [objects.intent(payment, expanded=expanded) for payment in reversed(book.payments.values())]
        )

    async def event(request: Request) -> Response:
        found = book.event(request.path_params["event_id"])
        return JSONResponse(found.object) if found else _no_such("event", request.path_params["event_id"])

    async def events(request: Request) -> Response:
        fields = request.query_params.multi_items()
        types = {value for name, value in fields if re.fullmatch(r"type|types\[\d*\]", name)}
        limits = [(_COMPARE[found[1]], int(value)) for name, value in fields if (found := _CREATED.fullmatch(name))]
        if len(types) > 20:
            return _refused(400, "invalid_request_error", "parameter_invalid", "Up to 20 types.")
        return _page(
            request,
            [
                event.object
                for event in book.newest_first()
                if (not types or event.object["type"] in types)
                and all(within(event.created, told) for within, told in limits)
            ],
        )

    async def disputes(request: Request) -> Response:
        payment = book.payments.get(request.query_params.get("payment_intent", ""))
        held = reversed(payment.disputes) if payment else []
        return _page(request, [objects.dispute(payment, dispute) for dispute in held if payment])

    def fronted(endpoint: Answer) -> Answer:
        async def answer(request: Request) -> Response:
            await request.body()  # whatever is done with a call, it was read to its end
            rule = script.called(
                request.method,
                request.url.path,
                payment_id=request.path_params.get("payment_id") or request.query_params.get("payment_intent"),
                idempotency_key=request.headers.get("idempotency-key"),
            )
            if rule is not None:
                response = await misbehaved(rule, request, endpoint, connections)
            elif request.headers.get("authorization") != f"Bearer {API_KEY}":
                response = _refused(401, "invalid_request_error", "api_key_invalid", "Invalid API key provided.")
            else:
                response = await endpoint(request)
            response.headers["Request-Id"] = f"req_{secrets.token_hex(7)}"
            response.headers["Stripe-Version"] = objects.API_VERSION
            return response

        return answer

    return [
        Route("/v1/payment_intents", fronted(create), methods=["POST"]),
        Route("/v1/payment_intents", fronted(payments)),
        Route("/v1/payment_intents/{payment_id}", fronted(retrieve)),
        Route("/v1/events", fronted(events)),
        Route("/v1/events/{event_id}", fronted(event)),
        Route("/v1/disputes", fronted(disputes)),
    ]


def _expands(request: Request, field: str) -> bool:
    return any(
        value == field and re.fullmatch(r"expand\[\d*\]", name) for name, value in request.query_params.multi_items()
    )


def _page(request: Request, newest_first: Sequence[dict[str, Any]]) -> Response:
    told = request.query_params
    limit = told.get("limit", str(_USUAL))
    if not limit.isdecimal() or not 1 <= int(limit) <= _MOST:
        return _refused(400, "invalid_request_error", "parameter_invalid_integer", f"A limit from 1 to {_MOST}.")
    ids = [found["id"] for found in newest_first]
    start = 0
    if after := told.get("starting_after"):
        if after not in ids:
            return _no_such("object", after)
        start = ids.index(after) + 1
    end = start + int(limit)
    return JSONResponse(objects.listing(request.url.path, list(newest_first[start:end]), more=end < len(ids)))


def _no_such(what: str, object_id: str) -> Response:
    return _refused(404, "invalid_request_error", "resource_missing", f"No such {what}: '{object_id}'")


def _refused(status: int, type_: str, code: str, message: str) -> Response:
    return JSONResponse(objects.error(type_, code, message), status)
