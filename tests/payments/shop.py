"""A shop whose orders are paid at the stack's payment provider, and what became of its payments."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from itertools import count

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from adapters.db import outbox
from adapters.db.orders import SqlOrders
from adapters.db.payments import SqlPayments
from adapters.db.tables import deliveries, orders
from adapters.db.tables import outbox as outbox_table
from demo.inbox.reader import InboxReader
from domain.mail import message_id
from domain.orders import PaymentMethod
from domain.outcomes import Outcome
from domain.payment_callback import PaymentCallbackRequest
from domain.payments import Known, PaymentState
from domain.requests import JobRequest
from starter import JobDidNotComplete, JobNotFound, Jobs
from tests.fakes import an_order
from tests.payment_provider import ProviderController

TOTAL = 1250
CURRENCY = "GBP"
PATIENCE = 60
"""Seconds until what is waited for counts as lost."""

_numbers = count(500_001)


class Shop:
    """Places orders, hears callbacks, and looks at what came of them where it arrives: database, inbox, provider."""

    def __init__(self, engine: AsyncEngine, client: Client, provider: ProviderController, inbox: InboxReader) -> None:
        self.engine = engine
        self.client = client
        self.provider = provider
        self.inbox = inbox
        self.jobs = Jobs(client)

    async def order(self, *, tag: str = "") -> int:
        """Place an order that is to be paid online; `tag` is in its customer's address, for the inbox to misbehave."""
        number = next(_numbers)
        order = an_order(number, email=f"order{number}{tag}@example.com")
        customer = order.customer.model_copy(update={"id": number})
        online = {"customer": customer, "payment": PaymentMethod.online, "total": TOTAL, "currency": CURRENCY}
        await SqlOrders(self.engine).add_all([order.model_copy(update=online)])
        return number

    async def payment(self, order_id: int | None, *states: PaymentState, refunded: int | None = None) -> str:
        """Begin a payment at the provider, and have it go through these states; returns its id."""
        held = await self.provider.begin(order_id, TOTAL, CURRENCY)
        for state in states:
            await self.provider.move(held.id, state, refunded=refunded)
        return held.id

    async def hears(self, payment_id: str, event_id: str | None = None) -> PaymentCallbackRequest:
        """A callback comes in, that of the payment's last event at the provider unless it is named."""
        if event_id is None:
            event_id = [event.id for event in await self.provider.events() if event.payment_id == payment_id][-1]
        request = PaymentCallbackRequest(event_id=event_id, payment_id=payment_id)
        async with self.engine.begin() as connection:
            await connection.execute(*outbox.statement([request]))
        return request

    async def ends(self, job: JobRequest | str) -> Outcome:
        """The outcome of a job, which may not have been started yet. Raises JobDidNotComplete."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    return await self.jobs.of(job).result()
                except JobNotFound:
                    await asyncio.sleep(0.05)  # the relay has still to start it

    async def fails(self, job: JobRequest | str) -> JobDidNotComplete:
        """How a job fails."""
        with pytest.raises(JobDidNotComplete) as failed:
            await self.ends(job)
        return failed.value

    async def waits(self, job: JobRequest) -> bool:
        """Whether it waits for its next attempt, after one that has failed."""
        try:
            status = await self.jobs.of(job).status()
        except JobNotFound:
            return False
        return status.next_attempt_at is not None or (status.waiting or "").startswith("for a timer")

    async def known(self, payment_id: str) -> Known:
        return await SqlPayments(self.engine).known(payment_id)

    async def paid_at(self, order_id: int) -> datetime | None:
        async with self.engine.connect() as connection:
            moment: datetime | None = (
                await connection.execute(select(orders.c.paid_at).where(orders.c.id == order_id))
            ).scalar_one()
            return moment

    async def mails(self, order_id: int) -> Counter[str]:
        """Mails that arrived at the order's customer, by the job that sent them, as their Message-ID tells."""
        arrived = Counter(mail.message_id for mail in await self.inbox.mails(f"order{order_id}"))
        async with self.engine.connect() as connection:
            keys = (await connection.execute(select(deliveries.c.key))).scalars().all()
        senders = {message_id(key, "shop.example.com"): key for key in keys}
        return Counter({senders[mail]: number for mail, number in arrived.items()})

    async def idle(self) -> None:
        """Return once the outbox is empty and all jobs have ended."""
        async with asyncio.timeout(PATIENCE):
            while await self._enqueued() or await self._running():  # noqa: ASYNC110  # neither has an event for it
                await asyncio.sleep(0.1)

    async def calls(self, payment_id: str) -> int:
        """How often the provider was asked for the payment."""
        return sum(call.payment_id == payment_id for call in await self.provider.calls())

    async def is_sending(self, job_id: str) -> bool:
        """Whether the job's mail is on its way: its delivery is claimed, and has no answer yet."""
        under_way = select(deliveries.c.key).where(deliveries.c.key == job_id, deliveries.c.delivered_at.is_(None))
        async with self.engine.connect() as connection:
            return (await connection.execute(under_way)).one_or_none() is not None

    async def job_ids(self) -> Counter[str]:
        """All runs of the namespace, by job; visibility may be some moments late."""
        return Counter([run.id async for run in self.client.list_workflows("")])

    async def _enqueued(self) -> int:
        async with self.engine.connect() as connection:
            return int((await connection.execute(select(func.count()).select_from(outbox_table))).scalar_one())

    async def _running(self) -> int:
        return (await self.client.count_workflows("ExecutionStatus = 'Running'")).count


async def becomes(look: Callable[[], Awaitable[object]], wanted: object = True) -> None:
    """Return once one sees what is wanted."""
    async with asyncio.timeout(PATIENCE):
        while await look() != wanted:  # noqa: ASYNC110  # none of those who are asked tells by itself
            await asyncio.sleep(0.02)


def one_each(jobs: Iterable[str]) -> Counter[str]:
    """What `Shop.mails` is to be: one mail of each of these jobs."""
    return Counter(dict.fromkeys(jobs, 1))
