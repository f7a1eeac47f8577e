"""Tells the payment provider from another program what to do, and asks what it saw: the tour and the tests do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import JsonValue, TypeAdapter

from demo.keeping import BRIEFLY
from demo.payments.behaviour import Call, Kind
from demo.payments.book import Happened
from demo.payments.callbacks import Delivery, Order
from demo.payments.held import HeldPayment
from domain.payments import PaymentState

_PAYMENTS = TypeAdapter(list[HeldPayment])
_EVENTS = TypeAdapter(list[Happened])
_CALLS = TypeAdapter(list[Call])
_DELIVERIES = TypeAdapter(list[Delivery])


class ProviderController:
    """The provider's controls. Methods raise `httpx.HTTPError` while it is away, and where it refuses what it is told.

    The provider's events come back as they happened; `payment_id`, `state` and `id` are what one mostly wants of them.
    """

    def __init__(self, url: str) -> None:
        """`url` is that of the provider."""
        # The environment may name a proxy, which has no business with the loopback interface.
        self._http = httpx.AsyncClient(base_url=url, trust_env=False, limits=BRIEFLY)

    async def begin(
        self, order_id: int | str | None, amount: int, currency: str = "EUR", *, metadata: dict[str, str] | None = None
    ) -> HeldPayment:
        """Begin a payment for an order, as a shop does by `POST /v1/payment_intents`; it is pending then."""
        told = dict(metadata or {}) | ({} if order_id is None else {"order_id": str(order_id)})
        answer = await self._post("payments", {"amount": amount, "currency": currency, "metadata": told})
        return HeldPayment.model_validate_json(answer.content)

    async def move(
        self, payment_id: str, state: PaymentState, *, refunded: int | None = None, at: datetime | None = None
    ) -> Happened:
        """Put a payment into any state, whatever it was in; tells the shop, where callbacks have a URL.

        `refunded` is for `partially_refunded`: how much went back by then, in minor units; without it, half. `at`
        makes the event one of another time, in whole seconds.
        """
        told = {"state": state, "refunded": refunded, "at": int(at.timestamp()) if at else None}
        return Happened.model_validate_json((await self._post(f"payments/{payment_id}/state", told)).content)

    async def payments(self) -> list[HeldPayment]:
        """All payments, oldest first."""
        return _PAYMENTS.validate_json((await self._get("payments")).content)

    async def events(self) -> list[Happened]:
        """All that happened, oldest first."""
        return _EVENTS.validate_json((await self._get("events")).content)

    async def misbehave(self, kind: Kind, **fields: Any) -> None:
        """Have the next call misbehave; `fields` are those of `demo.payments.behaviour.Misbehaviour`.

        For example `misbehave("answer", status=429, headers={"Retry-After": "7"}, times=2)`.
        """
        await self._post("misbehaviour", {"kind": kind, **fields})

    async def behave(self) -> None:
        """Forget all that was said by `misbehave`."""
        (await self._http.delete("/control/misbehaviour")).raise_for_status()

    async def calls(self) -> list[Call]:
        """Calls of the provider's interface, oldest first."""
        return _CALLS.validate_json((await self._get("calls")).content)

    async def callbacks(self, **fields: JsonValue) -> None:
        """Change where callbacks go and how; `fields` are those of `demo.payments.callbacks.CallbackSettings`.

        For example `callbacks(url="http://127.0.0.1:8000/payment-callbacks", copies=2)`.
        """
        (await self._http.patch("/control/callbacks", json=fields)).raise_for_status()

    async def release(self, order: Order = "as-happened") -> None:
        """Send the callbacks that were held (`callbacks(hold=True)`), one after the other."""
        await self._post("callbacks/release", {"order": order})

    async def send(self, event_ids: Sequence[str], **fields: JsonValue) -> None:
        """Send callbacks of these events once more; `fields` are for these alone, such as `forged=True`."""
        await self._post("callbacks/send", {"event_ids": list(event_ids), "settings": fields})

    async def deliveries(self) -> list[Delivery]:
        """All attempts to deliver a callback, oldest first."""
        return _DELIVERIES.validate_json((await self._get("deliveries")).content)

    async def idle(self, within: float = 60) -> None:
        """Return when no callback is under way any more. Raises `httpx.ReadTimeout` after `within` seconds."""
        (await self._http.get("/control/callbacks/idle", timeout=within)).raise_for_status()

    async def clear(self) -> None:
        """Forget all payments and events, calls and deliveries, and behave; nobody is told anything."""
        (await self._http.delete("/control")).raise_for_status()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def _get(self, what: str) -> httpx.Response:
        return (await self._http.get(f"/control/{what}")).raise_for_status()

    async def _post(self, what: str, told: dict[str, Any]) -> httpx.Response:
        return (await self._http.post(f"/control/{what}", json=told)).raise_for_status()
