"""Ordinary classes behind the ports, for tests that are about workflows and activities alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.alerts import AlertChannels, Alerts
from domain.mail import Mail, MailContent
from domain.orders import Customer, Order, OrderItem
from domain.payments import PaymentProvider, PaymentStore, Reconciliations
from domain.ports import DeliveryLedger, MailSender, MailTemplates, OrderRepository
from domain.report_cleanup import ReportRetention
from domain.report_ports import ReportBook, ReportJobs, ReportLinks, ReportMaker
from tests.fakes_alerts import FakeAlerts, FakeChannel, FakeChannels
from tests.fakes_dead_letters import dead_letter_ports
from tests.fakes_payments import FakePayments, FakeProvider, FakeReconciliations
from tests.fakes_reports import FakeBook, FakeJobs, FakeLinks, FakeMaker
from tests.fakes_scheduled import scheduled_ports


def an_order(order_id: int = 1042, *, email: str | None = "ada@example.com", confirmed: bool = False) -> Order:
    return Order(
        id=order_id,
        customer=Customer(id=7, name="Ada Lovelace", email=email, locale="en_GB"),
        currency="GBP",
        total=1250,
        items=(OrderItem(name="Difference engine, small", quantity=1, unit_price=1250),),
        gift_note="With love from Charles",
        placed_at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        confirmation_sent_at=datetime(2026, 1, 2, 4, 0, tzinfo=UTC) if confirmed else None,
    )


class FakeOrders:
    def __init__(self, *orders: Order) -> None:
        self.orders = {order.id: order for order in orders}
        self.marked: Counter[int] = Counter()

    async def get(self, order_id: int) -> Order | None:
        return self.orders.get(order_id)

    async def mark_confirmed(self, order_id: int) -> bool:
        self.marked[order_id] += 1
        order = self.orders[order_id]
        if order.confirmation_sent_at is not None:
            return False
        self.orders[order_id] = order.model_copy(update={"confirmation_sent_at": datetime.now(UTC)})
        return True


class FakeLedger:
    def __init__(self) -> None:
        self.claims: Counter[str] = Counter()
        self.answers: dict[str, str] = {}

    async def claim(self, key: str) -> bool:
        if key in self.answers:
            return False
        self.claims[key] += 1
        return True

    async def record(self, key: str, answer: str) -> None:
        self.answers.setdefault(key, answer)


class FakeTemplates:
    def render(self, template: str, *, locale: str, data: dict[str, Any]) -> MailContent:  # noqa: ARG002  # the port's
        return MailContent(subject=template, text="text", html="<p>html</p>")


class FakeMail:
    """Accepts every mail, unless told what to do at each attempt: an error to raise, or a call to make."""

    def __init__(self, *script: BaseException | Callable[[], Any] | None) -> None:
        self.script = list(script)
        self.attempts: list[Mail] = []
        self.accepted: list[Mail] = []

    async def send(self, mail: Mail) -> str:
        self.attempts.append(mail)
        step = self.script.pop(0) if self.script else None
        if isinstance(step, BaseException):
            raise step
        if step is not None:
            await step()
        self.accepted.append(mail)
        return "250 2.0.0"


def fake_ports(
    orders: FakeOrders, ledger: FakeLedger | None = None, mail: FakeMail | None = None
) -> dict[type, object]:
    return {
        OrderRepository: orders,
        DeliveryLedger: ledger or FakeLedger(),
        MailTemplates: FakeTemplates(),
        MailSender: mail or FakeMail(),
        PaymentProvider: FakeProvider(),
        PaymentStore: FakePayments(),
        Reconciliations: FakeReconciliations(),
        **scheduled_ports(),
        **dead_letter_ports(),
        Alerts: FakeAlerts(),
        AlertChannels: FakeChannels(FakeChannel()),
        ReportBook: FakeBook(),
        ReportJobs: FakeJobs(),
        ReportMaker: FakeMaker(),
        ReportLinks: FakeLinks(),
        ReportRetention: ReportRetention(files=timedelta(days=90)),
    }
