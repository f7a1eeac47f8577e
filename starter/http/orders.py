"""`/orders`: placing an order, and looking at one."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Body, Path, Request, Response
from fastapi.openapi.models import Example

from domain.idempotency import Answer
from domain.orders import PaymentMethod
from domain.placing import NewOrder, Placed, UnknownCustomer
from starter.http import idempotency
from starter.http.api_keys import Client
from starter.http.json_body import hash_of
from starter.http.openapi import ALWAYS, problems
from starter.http.order_views import OrderView, PlacedOrder, links_of, view_of
from starter.http.parts import parts_of
from starter.http.problems import FieldProblem, Problem, ProblemType, not_found

_MOST_DIGITS = 19

_ITEMS = [{"name": "Teapot", "quantity": 1, "unit_price": 3450}, {"name": "Saucer", "quantity": 2, "unit_price": 990}]
_EXAMPLES: dict[str, Example] = {
    "known-customer": {
        "summary": "Of a customer whom the shop knows, on an invoice",
        "value": {"customer_id": 1, "currency": "EUR", "items": _ITEMS, "payment": "later"},
    },
    "new-customer": {
        "summary": "Of a new customer, paid online",
        "value": {
            "customer": {"name": "Ada Lovelace", "email": "ada@example.com", "locale": "en_GB"},
            "currency": "GBP",
            "items": _ITEMS,
            "gift_note": "For Charles",
            "payment": "online",
        },
    },
}

router = APIRouter(tags=["orders"])


@router.post(
    "/orders",
    operation_id="place_order",
    status_code=202,
    summary="Place an order",
    response_model=PlacedOrder,
    response_description="The order is placed, and its confirmation under way where it is paid later.",
    responses={
        202: {"headers": idempotency.HEADERS},
        **problems(
            *ALWAYS,
            *idempotency.PROBLEMS,
            ProblemType.malformed_request,
            ProblemType.request_timeout,
            ProblemType.unsupported_media_type,
            ProblemType.invalid_request,
        ),
    },
    openapi_extra={"parameters": [idempotency.PARAMETER]},
)
async def place(
    request: Request, client: Client, order: Annotated[NewOrder, Body(openapi_examples=_EXAMPLES)]
) -> Response:
    """The order, and the job that confirms it, are there together or not at all, also while Temporal is away.

    Send an `Idempotency-Key`, so that the request can be sent again after a broken connection or a 5xx.
    """
    repeatable = idempotency.repeatable(request, client, hash_of("POST /orders", await request.json()))
    base = request.scope.get("root_path", "")

    def answer(placed: Placed) -> Answer:
        links = links_of(placed.id, base, has_job=placed.payment is PaymentMethod.later)
        shown = PlacedOrder(**placed.model_dump(), links=links)
        return Answer(status=202, body=shown.model_dump_json(), location=links.self)

    try:
        with idempotency.answering(repeatable, "the order may be placed", "Look before you place it anew."):
            given = await parts_of(request.scope).desk.place(order, answer, repeatable)
    except UnknownCustomer:
        unknown = FieldProblem(pointer="#/customer_id", detail="must be the id of a customer who is there")
        raise Problem(ProblemType.invalid_request, "There is no such customer.", errors=[unknown]) from None
    return idempotency.response_of(given)


@router.get(
    "/orders/{order_id}",
    operation_id="get_order",
    summary="Look at an order",
    response_description="The order, and how it stands.",
    responses=problems(*ALWAYS, ProblemType.not_found),
)
async def look(
    request: Request,
    client: Client,  # noqa: ARG001  # whoever has a key may
    order_id: Annotated[
        str,
        Path(
            description="The order number.",
            json_schema_extra={"type": "integer", "minimum": 1, "maximum": 2**63 - 1},
            openapi_examples={"number": {"value": 1042}},
        ),
    ],
) -> OrderView:
    """Tells whether it is paid, and whether its confirmation has been sent. `links.job` tells how the job fares."""
    known = re.fullmatch(f"[1-9][0-9]{{0,{_MOST_DIGITS - 1}}}", order_id) and int(order_id) < 2**63
    order = await parts_of(request.scope).orders.get(int(order_id)) if known else None
    if order is None:
        raise not_found("order with this number")
    return view_of(order, request.scope.get("root_path", ""))
