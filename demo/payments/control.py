"""What the tour and tests tell the provider: states, misbehaviour, callbacks. Not a part of the shop's interface."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from demo.payments.behaviour import Misbehaviour, Script
from demo.payments.book import Book
from demo.payments.callbacks import Callbacks, CallbackSettings, Order
from domain.payments import PaymentState

ToldT = TypeVar("ToldT", bound=BaseModel)


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewPayment(_Told):
    """A payment to begin."""

    amount: int = Field(gt=0)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    metadata: dict[str, str]


class NewState(_Told):
    """Where a payment is to stand."""

    state: PaymentState
    refunded: int | None = None
    at: int | None = None


class Release(_Told):
    """How to send what was held."""

    order: Order = "as-happened"


class SendAgain(_Told):
    """Events to tell of once more, and how."""

    event_ids: list[str]
    settings: dict[str, JsonValue] = Field(default_factory=dict)


def routes(book: Book, script: Script, callbacks: Callbacks) -> list[Route]:
    """The controls."""

    async def payments(request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse([payment.model_dump(mode="json") for payment in book.payments.values()])
        told = await _body(NewPayment, request)
        payment, event = book.begin(told.amount, told.currency, told.metadata)
        callbacks.tell(event)
        return JSONResponse(payment.model_dump(mode="json"))

    async def state(request: Request) -> Response:
        told = await _body(NewState, request)
        try:
            event = book.move(request.path_params["payment_id"], told.state, refunded=told.refunded, at=told.at)
        except KeyError:
            raise HTTPException(404, "There is no such payment.") from None
        except ValueError as exc:
            raise HTTPException(422, str(exc)) from exc
        callbacks.tell(event)
        return JSONResponse(event.model_dump(mode="json"))

    async def events(_request: Request) -> Response:
        return JSONResponse([event.model_dump(mode="json") for event in book.events])

    async def misbehaviour(request: Request) -> Response:
        if request.method == "DELETE":
            script.behave()
        else:
            script.misbehave(await _body(Misbehaviour, request))
        return Response(status_code=204)

    async def calls(_request: Request) -> Response:
        return JSONResponse([call.model_dump(mode="json") for call in script.calls])

    async def settings(request: Request) -> Response:
        callbacks.change(_changed(callbacks.settings, await request.json()))
        return Response(status_code=204)

    async def release(request: Request) -> Response:
        callbacks.release((await _body(Release, request)).order)
        return Response(status_code=204)

    async def send(request: Request) -> Response:
        told = await _body(SendAgain, request)
        found = [event for event_id in told.event_ids if (event := book.event(event_id))]
        callbacks.send(found, _changed(callbacks.settings, told.settings))
        return Response(status_code=204)

    async def idle(_request: Request) -> Response:
        await callbacks.idle()
        return Response(status_code=204)

    async def deliveries(_request: Request) -> Response:
        return JSONResponse([delivery.model_dump(mode="json") for delivery in callbacks.deliveries])

    async def clear(_request: Request) -> Response:
        callbacks.forget()
        script.behave()
        script.calls.clear()
        book.clear()
        return Response(status_code=204)

    return [
        Route("/control/payments", payments, methods=["GET", "POST"]),
        Route("/control/payments/{payment_id}/state", state, methods=["POST"]),
        Route("/control/events", events),
        Route("/control/misbehaviour", misbehaviour, methods=["POST", "DELETE"]),
        Route("/control/calls", calls),
        Route("/control/callbacks", settings, methods=["PATCH"]),
        Route("/control/callbacks/release", release, methods=["POST"]),
        Route("/control/callbacks/send", send, methods=["POST"]),
        Route("/control/callbacks/idle", idle),
        Route("/control/deliveries", deliveries),
        Route("/control", clear, methods=["DELETE"]),
    ]


async def _body(model: type[ToldT], request: Request) -> ToldT:
    return _valid(model, await request.json())


def _changed(settings: CallbackSettings, fields: object) -> CallbackSettings:
    told = fields if isinstance(fields, dict) else {}
    return _valid(CallbackSettings, {**settings.model_dump(), **told})


def _valid(model: type[ToldT], told: object) -> ToldT:
    try:
        return model.model_validate(told)
    except ValidationError as exc:
        raise HTTPException(422, str(exc)) from exc
