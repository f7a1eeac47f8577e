"""`/orders`: placing an order, and looking at one."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Path, Request, Response
from fastapi.openapi.models import Example

from domain.idempotency import Answer
from domain.order_confirmation import OrderConfirmationRequest
from domain.orders import Order, PaymentMethod
from domain.placing import NewOrder, Placed, UnknownCustomer
from starter.http import idempotency
from starter.http.api_keys import Client
from starter.http.jobs import Shown
from starter.http.json_body import hash_of
from starter.http.openapi import ALWAYS, problems
from starter.http.parts import parts_of
from starter.http.problems import FieldProblem, Problem, ProblemType, not_found


class OrderLinks(Shown):
    """Where to go on, as paths of this server."""

    self: str
    """The order."""
    job: str | None
    """The job that sends its confirmation; null where there is none yet."""


class PlacedOrder(Shown):
    """An order that was taken."""

    id: int
    """The order number."""
    customer_id: int
    currency: str
    total: int
    """What it costs, in the currency's minor unit."""
    payment: PaymentMethod
    links: OrderLinks


class Item(Shown):
    """One line of an order."""

    name: str
    quantity: int
    unit_price: int


class OrderView(PlacedOrder):
    """An order, and how it stands. Times are in UTC."""

    items: list[Item]
    gift_note: str | None
    placed_at: datetime
    paid_at: datetime | None
    """When its payment was captured."""
    confirmation_sent_at: datetime | None
    """When its confirmation was sent; null where it wasn't, so far."""


def view_of(order: Order, base: str) -> OrderView:
    """An order as it is shown; `base` is the prefix under which this server is reached."""
    # One that is paid online has a job once it is paid.
    has_job = order.payment is PaymentMethod.later or order.paid_at is not None
    return OrderView(
        id=order.id,
        customer_id=order.customer.id,
        currency=order.currency,
        total=order.total,
        payment=order.payment,
        links=links_of(order.id, base, has_job=has_job),
        items=[Item(**item.model_dump()) for item in order.items],
        gift_note=order.gift_note,
        placed_at=order.placed_at,
        paid_at=order.paid_at,
        confirmation_sent_at=order.confirmation_sent_at,
    )


def links_of(order_id: int, base: str, *, has_job: bool) -> OrderLinks:
    """Links of an order, that of its job where it has one."""
    job = OrderConfirmationRequest(order_id=order_id).workflow_id
    return OrderLinks(self=f"{base}/orders/{order_id}", job=f"{base}/jobs/{job}" if has_job else None)


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
