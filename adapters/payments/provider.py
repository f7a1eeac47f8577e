"""The payment provider over HTTP: the `PaymentProvider` that workers use. Speaks Stripe's interface."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from adapters.payments.api import API_VERSION, ProviderApi
from adapters.payments.shapes import AnyList, DisputeList, EventList, Intent, payment_of, read, to_provider
from adapters.settings import PaymentSettings
from domain.errors import InvalidRequest, NotFound, OutcomeUnknown, ServiceUnavailable
from domain.payments import Payment

EVENTS_KEPT = timedelta(days=30)
"""How far back the provider can tell what has changed."""

_PAGE = 100
_AT_ONCE = 8
"""Most payments that `changed_since` fetches at a time, so that callbacks find free connections beside it."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
"""What can be put into a path without leading anywhere else. All ids that the provider gives out are of this kind."""

_CHANGES = (
    "payment_intent.amount_capturable_updated",
    "payment_intent.canceled",
    "payment_intent.created",
    "payment_intent.partially_funded",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.succeeded",
    "charge.captured",
    "charge.expired",
    "charge.refunded",
    "charge.refund.updated",
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "refund.created",
    "refund.failed",
    "refund.updated",
)
"""Types of the events after which a payment may be in another state. The interface takes twenty of them at most."""


class StripePayments:
    """Asks the provider how payments stand.

    Belongs to one event loop; connects when it is first asked. `api.longest_call` tells how long a call can take.
    """

    def __init__(self, settings: PaymentSettings) -> None:
        """Connect to nothing. Raises InvalidRequest where the environment names a proxy that cannot be used."""
        self._settings = settings
        self._api = ProviderApi(settings)

    async def get(self, payment_id: str) -> Payment:
        """Fetch a payment. Raises NotFound where the provider does not know it, and what the port names."""
        if not _ID.fullmatch(payment_id):
            raise NotFound("the payment provider gives out no ids of this form")
        subject = f"payment {payment_id}"
        async with self._api.in_time(subject):
            return await self._read(
                await self._api.get(f"/v1/payment_intents/{payment_id}", [("expand[]", "latest_charge")], subject),
                subject,
                payment_id,
            )

    async def changed_since(self, moment: datetime) -> AsyncIterator[Payment]:
        """All payments that changed at or after a moment, each once and in its present state; oldest change first.

        What changed within the last seconds may be missing: let the next moment lie a little before this call. One
        that the provider does not know any more is left out; one that cannot be fetched does not hold up those that
        come after it, its error is raised at the end. Each page of events, and each payment, has the time of one call.
        Raises ValueError for a moment without a time zone, InvalidRequest for one before `EVENTS_KEPT`, and
        what `get` raises.
        """
        if moment.tzinfo is None:
            raise ValueError("the moment needs a time zone")
        if moment < datetime.now(UTC) - EVENTS_KEPT:
            raise InvalidRequest(
                f"the payment provider tells what has changed for {EVENTS_KEPT.days} days: ask for a later moment"
            )
        changed = await self._changed(moment)
        at_once = min(_AT_ONCE, self._settings.connections)
        failed: BaseException | None = None
        for start in range(0, len(changed), at_once):
            found = await asyncio.gather(
                *(self.get(payment_id) for payment_id in changed[start : start + at_once]), return_exceptions=True
            )
            for payment in found:
                if isinstance(payment, NotFound):
                    logging.getLogger(__name__).warning(
                        "A payment that has changed is left out", extra={"error": payment.message}
                    )
                elif isinstance(payment, BaseException):
                    failed = failed or payment
                else:
                    yield payment
            if failed is not None and all(isinstance(payment, BaseException) for payment in found):
                break  # the rest would fare no better
        if failed is not None:
            raise failed

    async def create(self, order_id: int, amount: int, currency: str) -> Payment:
        """Begin a payment for an order, over `amount` minor units; the same one however often it is called.

        Raises InvalidRequest where it was begun with another amount or currency, or the provider can't take these;
        OutcomeUnknown where the answer got lost; and what the port names.
        """
        subject = f"a payment for order {order_id}"
        try:
            told = to_provider(amount, currency)
        except ValueError as exc:
            raise InvalidRequest(f"{subject}: {exc}") from None
        form = {
            "amount": str(told),
            "currency": currency.lower(),
            "automatic_payment_methods[enabled]": "true",
            "metadata[order_id]": str(order_id),
            "expand[]": "latest_charge",
        }
        async with self._api.in_time(subject, late=OutcomeUnknown):
            body = await self._api.post(
                "/v1/payment_intents", form, subject, idempotency_key=f"payment/order/{order_id}"
            )
            return await self._read(body, subject)

    async def probe(self) -> str:
        """Tell whether the provider answers us: returns its host, and whether money moves there. Raises as `get`."""
        subject = "a list of payments"
        async with self._api.in_time(subject):
            read(AnyList, await self._api.get("/v1/payment_intents", [("limit", "1")], subject), subject)
        key = self._settings.api_key.get_secret_value() if self._settings.api_key is not None else ""
        mode = "live" if "_live_" in key else "test"
        return f"payment provider at {self._api.host}, {mode} mode, interface of {API_VERSION}"

    async def aclose(self) -> None:
        """Close the kept connections. From now on nothing is asked."""
        await self._api.aclose()

    async def _read(self, body: bytes, subject: str, payment_id: str | None = None) -> Payment:
        intent = read(Intent, body, subject)
        if payment_id is not None and intent.id != payment_id:
            raise ServiceUnavailable(f"the payment provider gave an answer for {subject} that is about another one")
        if intent.latest_charge is None or not intent.latest_charge.disputed:
            return payment_of(intent)
        # The charge tells that there was a dispute, not how it stands or ended.
        disputes = await self._api.get("/v1/disputes", [("payment_intent", intent.id), ("limit", str(_PAGE))], subject)
        return payment_of(intent, read(DisputeList, disputes, subject).data)

    async def _changed(self, moment: datetime) -> list[str]:
        """Ids of the payments, the one whose last change is oldest first."""
        subject = "a list of events"
        query = [("created[gte]", str(int(moment.timestamp()))), ("limit", str(_PAGE))]
        query += [("types[]", type_) for type_ in _CHANGES]
        newest_first: dict[str, None] = {}
        seen: set[str] = set()
        cursor: list[tuple[str, str]] = []
        while True:
            async with self._api.in_time(subject):
                page = read(EventList, await self._api.get("/v1/events", query + cursor, subject), subject)
            newest_first.update((found, None) for event in page.data if (found := event.payment_id) is not None)
            if not page.has_more:
                return list(reversed(newest_first))
            if not page.data or page.data[-1].id in seen:
                raise ServiceUnavailable("the payment provider's list of events does not end")
            seen.update(event.id for event in page.data)
            cursor = [("starting_after", page.data[-1].id)]
