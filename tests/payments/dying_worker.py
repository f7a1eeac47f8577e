"""A worker that comes to a halt in the middle of applying a payment, to be killed:
`python -m tests.payments.dying_worker BEFORE AFTER`.

It halts with payment BEFORE fetched and not applied, and with payment AFTER applied and its job's end not recorded.
Once both are so it says `before and after`, and goes on with all other jobs.
"""

from __future__ import annotations

import asyncio
import sys

from adapters.db.payments import SqlPayments
from adapters.outside import Outside
from adapters.settings import Settings
from domain.payments import Applied, Known, Payment, PaymentStore
from starter.connection import connect
from starter.relay import Relay
from worker import make_workers
from workflows.registry import registry


class Halting:
    """Payments as they are, but for two."""

    def __init__(self, payments: SqlPayments, before: str, after: str) -> None:
        self._payments = payments
        self._before, self._after = before, after
        self._halted: set[str] = set()

    async def known(self, payment_id: str) -> Known:
        return await self._payments.known(payment_id)

    async def apply(self, payment: Payment, *, version: int) -> Applied:
        if payment.id == self._before:
            await self._halt("before")
        applied = await self._payments.apply(payment, version=version)
        if payment.id == self._after:
            await self._halt("after")
        return applied

    async def _halt(self, where: str) -> None:
        self._halted.add(where)
        if self._halted == {"before", "after"}:
            sys.stdout.write("before and after\n")
            sys.stdout.flush()
        await asyncio.Event().wait()


async def main(before: str, after: str) -> None:
    settings = Settings()
    outside = Outside(settings)
    payments = outside.ports[PaymentStore]
    assert isinstance(payments, SqlPayments)
    outside.ports[PaymentStore] = Halting(payments, before, after)
    client = await connect()
    workers = make_workers(client, ["payments", "notifications"], outside, settings.worker)
    await asyncio.gather(Relay(outside.outbox, client, registry).run(), *(worker.run() for worker in workers))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
