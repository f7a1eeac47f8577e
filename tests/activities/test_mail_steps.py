"""The steps that send one mail each, with fakes behind the ports; `tests/integration` has them on real servers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.order_confirmation import OrderConfirmationActivities
from activities.payment_notice import PaymentNoticeActivities
from activities.report_notice import ReportNoticeActivities
from activities.scheduled_email import ScheduledEmailActivities
from domain.errors import ServiceUnavailable
from domain.mail import MailContent
from domain.order_confirmation import Confirmation, OrderConfirmationRequest
from domain.payment_notice import notice_of
from domain.payments import PaymentState
from domain.report_notice import ReportNoticeRequest
from domain.report_ports import Asking
from domain.reports import ReportState
from domain.scheduled_email import ScheduledEmailRequest
from tests.fakes import FakeLedger, FakeMail, FakeOrders, FakeTemplates, an_order
from tests.fakes_payments import FakePayments, a_payment
from tests.fakes_reports import ADA, EXPIRES, FakeBook, FakeLinks, a_finished_report
from tests.fakes_scheduled import FakeScheduledEmails, a_scheduled_email

PAID = datetime(2026, 1, 2, 3, 5, tzinfo=UTC)
REPORT = a_finished_report()


class Templates(FakeTemplates):
    """Keeps what it was given."""

    def __init__(self) -> None:
        self.given: list[tuple[str, str, dict[str, Any]]] = []

    def render(self, template: str, *, locale: str, data: dict[str, Any]) -> MailContent:
        self.given.append((template, locale, data))
        return super().render(template, locale=locale, data=data)


class MailStep:
    """One of the steps, with what it works on within reach."""

    key: str
    sent: str
    """State of a run that sends the mail."""
    again: str
    """State of a run after that."""

    def __init__(self) -> None:
        self.ledger, self.templates, self.mail = FakeLedger(), Templates(), FakeMail()
        self.orders, self.payments = FakeOrders(an_order()), FakePayments()

    @property
    def is_marked(self) -> bool:
        return True

    def step(self) -> tuple[Callable[..., Awaitable[Any]], Any]:
        raise NotImplementedError

    async def result(self) -> Any:
        step, request = self.step()
        return await ActivityEnvironment().run(step, request)

    async def run(self) -> str:
        result = await self.result()
        assert result.delivery_key == self.key
        return str(result.state)


class OrderConfirmation(MailStep):
    key, sent, again = "order-confirmation/1042", "confirmed", "already-confirmed"

    @property
    def is_marked(self) -> bool:
        return self.orders.orders[1042].confirmation_sent_at is not None

    def step(self) -> tuple[Callable[..., Awaitable[Any]], Any]:
        steps = OrderConfirmationActivities(self.orders, self.ledger, self.templates, self.mail)
        return steps.confirm, OrderConfirmationRequest(order_id=1042)


class PaymentNotice(MailStep):
    sent = again = "told"

    def __init__(self, state: PaymentState = PaymentState.declined, refunded: int = 0) -> None:
        super().__init__()
        self.comes_to(state, refunded)

    def comes_to(self, state: PaymentState, refunded: int = 0) -> None:
        """The payment comes to this state, which asks for a mail."""
        payment = a_payment(state, refunded=refunded)
        self.payments.payments[payment.id] = (1, payment)
        request = notice_of(payment, version=1)
        assert request is not None
        self.request, self.key = request, request.delivery_key

    def step(self) -> tuple[Callable[..., Awaitable[Any]], Any]:
        steps = PaymentNoticeActivities(self.payments, self.orders, self.ledger, self.templates, self.mail)
        return steps.tell, self.request


class ReportNotice(MailStep):
    key, sent, again = "report-notice/3", "told", "told"

    def __init__(self, state: ReportState = ReportState.ready, asking_id: int = 3) -> None:
        super().__init__()
        report = REPORT.model_copy(update={"state": state})
        self.book = FakeBook(report, askings=[Asking(id=3, report=report, member=ADA)])
        self.links, self.request = FakeLinks(), ReportNoticeRequest(asking_id=asking_id)
        self.key = self.request.workflow_id

    def step(self) -> tuple[Callable[..., Awaitable[Any]], Any]:
        steps = ReportNoticeActivities(self.book, self.links, self.ledger, self.templates, self.mail)
        return steps.tell, self.request


class ScheduledEmail(MailStep):
    key, sent, again = "scheduled-email/7", "sent", "already-sent"

    def __init__(self) -> None:
        super().__init__()
        self.emails = FakeScheduledEmails(a_scheduled_email())

    @property
    def is_marked(self) -> bool:
        return self.emails.emails[7].sent_at is not None

    def step(self) -> tuple[Callable[..., Awaitable[Any]], Any]:
        steps = ScheduledEmailActivities(self.emails, self.ledger, self.templates, self.mail)
        return steps.send, ScheduledEmailRequest(email_id=7)


every_step = pytest.mark.parametrize("make", [OrderConfirmation, PaymentNotice, ReportNotice, ScheduledEmail])


@every_step
async def test_a_mail_goes_out_once_under_one_key_however_often_the_step_runs_and_is_marked(
    make: Callable[[], MailStep],
) -> None:
    step = make()
    step.mail.script = [ServiceUnavailable("451")]
    with pytest.raises(ServiceUnavailable):
        await step.run()
    assert not step.ledger.answers

    states = [await step.run() for _ in range(3)]

    assert states == [step.sent, step.again, step.again]
    assert [mail.delivery_key for mail in step.mail.attempts] == [step.key] * 2
    assert (step.ledger.claims[step.key], step.ledger.answers) == (2, {step.key: "250 2.0.0"})
    assert [mail.recipient for mail in step.mail.accepted] == ["ada@example.com"]
    assert step.is_marked


@every_step
async def test_a_delivery_that_the_ledger_knows_is_not_sent_again_but_is_marked(make: Callable[[], MailStep]) -> None:
    step = make()
    await step.ledger.record(step.key, "250 2.0.0")  # and then the worker was killed

    result = await step.result()

    assert result.state == step.sent
    assert not isinstance(result, Confirmation) or result.repeated
    assert step.mail.attempts == []
    assert step.is_marked


def changed(step: MailStep, **things: Any) -> MailStep:
    vars(step).update(things)
    return step


@pytest.mark.parametrize(
    ("step", "state"),
    [
        (changed(OrderConfirmation(), orders=FakeOrders()), "order-not-found"),
        (changed(OrderConfirmation(), orders=FakeOrders(an_order(confirmed=True))), "already-confirmed"),
        (changed(OrderConfirmation(), orders=FakeOrders(an_order(email=None))), "no-address"),
        (changed(ScheduledEmail(), emails=FakeScheduledEmails()), "email-not-found"),
        (changed(ScheduledEmail(), emails=FakeScheduledEmails(a_scheduled_email(sent=True))), "already-sent"),
        (changed(ScheduledEmail(), emails=FakeScheduledEmails(a_scheduled_email(address=None))), "no-address"),
        (ReportNotice(ReportState.removed), "report-removed"),
        (ReportNotice(asking_id=4), "asking-not-found"),
        (changed(PaymentNotice(), payments=FakePayments()), "payment-not-found"),
        (changed(PaymentNotice(), orders=FakeOrders(an_order(email=None))), "no-address"),
        # It was made by now, or the order was paid in another way.
        (changed(PaymentNotice(), payments=FakePayments(a_payment(PaymentState.captured))), "payment-moved-on"),
        (
            changed(PaymentNotice(), orders=FakeOrders(an_order().model_copy(update={"paid_at": PAID}))),
            "payment-moved-on",
        ),
    ],
)
async def test_what_cannot_or_need_not_be_sent_claims_and_sends_nothing(step: MailStep, state: str) -> None:
    assert await step.run() == state

    assert not step.ledger.claims
    assert (step.mail.attempts, step.templates.given) == ([], []), "and no link is made"


async def test_a_ledger_that_is_away_for_a_moment_after_the_ok_costs_no_second_mail() -> None:
    step = OrderConfirmation()
    record, failures = step.ledger.record, [ServiceUnavailable("restarting"), ServiceUnavailable("restarting")]

    async def flaky(key: str, answer: str) -> None:
        if failures:
            raise failures.pop()
        await record(key, answer)

    step.ledger.record = flaky  # type: ignore[method-assign]  # a fake that misbehaves

    assert await step.run() == "confirmed"
    assert len(step.mail.accepted) == 1
    assert step.ledger.answers == {step.key: "250 2.0.0"}


async def test_each_further_part_that_goes_back_is_told_of_also_if_the_order_is_paid_in_another_way() -> None:
    step = changed(PaymentNotice(), orders=FakeOrders(an_order().model_copy(update={"paid_at": PAID})))
    assert isinstance(step, PaymentNotice)
    for state, refunded in ((PaymentState.partially_refunded, 250), (PaymentState.partially_refunded, 500)):
        step.comes_to(state, refunded)
        assert await step.run() == "told"
    step.comes_to(PaymentState.refunded, 1250)
    assert await step.run() == "told"
    assert [mail.content.subject for mail in step.mail.accepted] == ["payment-refunded"] * 3


async def test_customers_hear_of_a_payment_that_failed_and_of_no_further_state() -> None:
    step = PaymentNotice(PaymentState.declined)
    await step.run()

    assert [mail.content.subject for mail in step.mail.accepted] == ["payment-failed"]
    for state in set(PaymentState) - {"declined", "refunded", "partially-refunded"}:
        assert notice_of(a_payment(state), version=1) is None


async def test_whoever_asked_for_a_report_gets_its_link_which_is_not_in_history() -> None:
    step = ReportNotice()

    result = await step.result()

    assert result.model_dump_json() == '{"state":"told","delivery_key":"report-notice/3"}', "neither link nor address"
    [(template, locale, data)] = step.templates.given
    assert (template, locale) == ("report-ready", "en_GB")
    assert data.pop("link").startswith("https://")
    assert data == {"report": REPORT, "member": ADA, "expires_at": EXPIRES}
    assert step.links.made == [REPORT.id]
    assert [(mail.recipient, mail.recipient_name) for mail in step.mail.accepted] == [(ADA.email, ADA.name)]
