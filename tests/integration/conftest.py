"""A worker on real servers: Temporal and PostgreSQL of the stack, and a mail server that misbehaves as told."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.deliveries import SqlDeliveryLedger
from adapters.db.orders import SqlOrders
from adapters.db.payments import SqlPayments
from adapters.email.sender import SmtpMailSender
from adapters.email.templates import JinjaMailTemplates
from adapters.settings import MailSettings, SmtpSettings
from domain.payments import PaymentStore
from domain.ports import DeliveryLedger, MailSender, MailTemplates, OrderRepository
from tests.fakes import FakeOrders, fake_ports
from tests.smtp_server import SmtpServer


@pytest.fixture
def orders(engine: AsyncEngine) -> SqlOrders:
    return SqlOrders(engine)


@pytest.fixture
async def ports(engine: AsyncEngine, mail_server: SmtpServer, orders: SqlOrders) -> AsyncIterator[dict[type, object]]:
    """The real adapters, with mail of the mail server above."""
    sender = SmtpMailSender(SmtpSettings(host=mail_server.host, port=mail_server.port), MailSettings())
    yield {
        # Of the kinds that share the queue, and of which no job runs here.
        **fake_ports(FakeOrders()),
        OrderRepository: orders,
        DeliveryLedger: SqlDeliveryLedger(engine),
        MailTemplates: JinjaMailTemplates("Corner Shop"),
        MailSender: sender,
        PaymentStore: SqlPayments(engine),
    }
    await sender.aclose()
