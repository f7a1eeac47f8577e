"""The step of a payment callback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from temporalio import activity

from domain.payment_callback import PaymentCallbackRequest
from domain.payments import Applied, PaymentProvider, PaymentStore, VersionChanged


class PaymentCallbackActivities:
    """What a payment callback does to the world, behind ports."""

    calls: ClassVar[Mapping[type, int]] = {PaymentStore: 2}
    """More than one call of a port in an attempt that nobody disturbs, for the check of time limits."""

    def __init__(self, provider: PaymentProvider, payments: PaymentStore) -> None:
        self._provider = provider
        self._payments = payments

    @activity.defn(name="payment_callback.apply")
    async def apply(self, request: PaymentCallbackRequest) -> Applied:
        """Can run twice: the payment's present state is applied once, and is fetched anew each time.

        The callback said that something changed, not what: what counts is what the provider says now. The version is
        read before the fetch, so that of two who fetched at the same time, the one with the older answer can't win.

        However many come to the same payment at once, each fetches twice at most. Who applied the version after the
        first one seen here may have fetched before this callback came. Who applied the one after that has read the
        version before it, so later than we did, and fetched later still.
        """
        first = known = await self._payments.known(request.payment_id)
        while known.version < first.version + 2:
            payment = await self._provider.get(request.payment_id)
            try:
                return await self._payments.apply(payment, version=known.version)
            except VersionChanged:
                known = await self._payments.known(request.payment_id)
        return known.applied(request.payment_id)
