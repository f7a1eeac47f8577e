"""The step of a payment callback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from temporalio import activity

from domain.errors import ServiceUnavailable
from domain.payment_callback import Applied, PaymentCallbackRequest
from domain.payment_ports import PaymentProvider, PaymentStore, VersionChanged

_FETCHES = 5
"""So many others that come to the same payment at the same moment are waited for within one attempt."""


class PaymentCallbackActivities:
    """What a payment callback does to the world, behind ports."""

    calls: ClassVar[Mapping[type, int]] = {PaymentStore: 2}
    """More than one call of a port in an attempt that nobody disturbs, for the check of time limits."""

    def __init__(self, provider: PaymentProvider, payments: PaymentStore) -> None:
        """Take the ports; nothing is built or read here."""
        self._provider = provider
        self._payments = payments

    @activity.defn(name="payment_callback.apply")
    async def apply(self, request: PaymentCallbackRequest) -> Applied:
        """Can run twice: the payment's present state is applied once, and is fetched anew each time.

        The callback said that something changed, not what: what counts is what the provider says now. The version is
        read before the fetch, so that of two who fetched at the same time, the one with the older answer can't win.
        """
        for _ in range(_FETCHES):
            known = await self._payments.known(request.payment_id)
            payment = await self._provider.get(request.payment_id)
            try:
                return await self._payments.apply(payment, version=known.version)
            except VersionChanged:
                continue
        raise ServiceUnavailable(f"Payment {request.payment_id} kept changing while it was fetched.")
