"""The payments' jobs on the whole stack: workers and a relay in this process, or worker processes to be killed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from adapters.db.deliveries import SqlDeliveryLedger
from adapters.db.orders import SqlOrders
from adapters.db.outbox_relay import SqlOutbox
from adapters.db.payments import SqlPayments
from adapters.db.reconciliations import SqlReconciliations
from adapters.email.sender import SmtpMailSender
from adapters.email.templates import JinjaMailTemplates
from adapters.payments.provider import StripePayments
from adapters.settings import DatabaseSettings, MailSettings, PaymentSettings, SmtpSettings
from demo.inbox.reader import InboxReader
from demo.payments.provider import API_KEY
from demo.ports import LOOPBACK
from demo.stack import Stack
from domain.payments import PaymentProvider, PaymentStore, Reconciliations
from domain.ports import DeliveryLedger, MailSender, MailTemplates, OrderRepository
from starter.relay import Relay
from tests.fakes import FakeOrders, fake_ports
from tests.payment_provider import ProviderController
from tests.payments.shop import Shop
from workflows.hosting import job_worker
from workflows.registry import registry

Serving = Callable[..., AbstractAsyncContextManager[None]]

QUEUES = ("payments", "notifications")


@pytest.fixture
def shop(engine: AsyncEngine, client: Client, provider: ProviderController, inbox: InboxReader) -> Shop:
    return Shop(engine, client, provider, inbox)


@pytest.fixture
def serving(stack: Stack, client: Client, database: str, engine: AsyncEngine) -> Serving:
    """Workers and a relay in this process: `async with serving():`.

    Waits before retries last `wait` seconds, and the provider gets half a second for its answer. Keywords go to
    `PaymentSettings`; `ports` replaces adapters, and without `relay` nothing that is enqueued starts.
    """

    @asynccontextmanager
    async def serving(
        *, ports: dict[type, object] | None = None, relay: bool = True, wait: float = 0.05, **payment: object
    ) -> AsyncIterator[None]:
        settings = PaymentSettings.model_validate(
            {"url": stack.payments_url, "api_key": SecretStr(API_KEY), "answer_timeout": 0.5} | payment
        )
        provider = StripePayments(settings)
        mail = SmtpMailSender(SmtpSettings(host=LOOPBACK, port=stack.ports.smtp), MailSettings())
        adapters: dict[type, object] = {
            # For kinds that share a queue with those of payments.
            **fake_ports(FakeOrders()),
            OrderRepository: SqlOrders(engine),
            DeliveryLedger: SqlDeliveryLedger(engine),
            MailTemplates: JinjaMailTemplates("Corner Shop"),
            MailSender: mail,
            PaymentProvider: provider,
            PaymentStore: SqlPayments(engine),
            Reconciliations: SqlReconciliations(engine),
            **(ports or {}),
        }
        first, second = (
            job_worker(client, queue, registry, adapters, draw=lambda _low, _high: wait, drain=timedelta(seconds=1))
            for queue in QUEUES
        )
        relayed = Relay(SqlOutbox(engine, DatabaseSettings(url=SecretStr(database))), client, registry, queues=QUEUES)
        async with AsyncExitStack() as exits:
            # Last, when no step is at work any more: one that is connecting just then would keep its connection.
            exits.push_async_callback(provider.aclose)
            exits.push_async_callback(mail.aclose)
            await exits.enter_async_context(first)
            await exits.enter_async_context(second)
            relaying = asyncio.create_task(relayed.run()) if relay else None
            try:
                yield
            finally:
                await relayed.stop()
                if relaying is not None:
                    await asyncio.wait_for(relaying, 30)

    return serving
