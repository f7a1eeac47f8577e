"""Courses of the kinds that are about payments."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from domain.errors import ServiceUnavailable
from domain.payment_callback import PaymentCallbackRequest
from domain.payment_notice import PaymentNoticeRequest
from domain.payment_reconciliation import PaymentReconciliationRequest
from domain.payments import PaymentProvider, PaymentState, PaymentStore, Reconciliations
from tests.fakes import FakeMail, FakeOrders, an_order, fake_ports
from tests.fakes_payments import FakePayments, FakeProvider, FakeReconciliations, a_payment
from tests.histories.courses.course import BUSY, Course


def _callbacks() -> Iterator[tuple[str, Course]]:
    for name, provider in {
        "done-captured": FakeProvider(a_payment()),
        "declined": FakeProvider(a_payment(PaymentState.declined)),
        "skipped-pending": FakeProvider(a_payment(PaymentState.pending)),
        "done-at-the-second-attempt": FakeProvider(a_payment(), script=[ServiceUnavailable("503")]),
        "failed-not-found": FakeProvider(),
    }.items():
        ports = fake_ports(FakeOrders()) | {PaymentProvider: provider}
        yield name, Course(PaymentCallbackRequest(event_id=f"evt_{name}", payment_id="pi_1"), ports)


def _notices() -> Iterator[tuple[str, Course]]:
    for refunded, (name, state, script) in enumerate(
        [
            ("done-at-once", PaymentState.refunded, []),
            ("done-at-the-second-attempt", PaymentState.refunded, [ServiceUnavailable(BUSY)]),
            ("skipped-moved-on", PaymentState.captured, []),
        ],
        start=1,
    ):
        payments = FakePayments(a_payment(state, refunded=refunded))
        ports = fake_ports(FakeOrders(an_order()), mail=FakeMail(*script)) | {PaymentStore: payments}
        request = PaymentNoticeRequest(payment_id="pi_1", state="refunded", refunded=refunded, version=1)
        yield name, Course(request, ports)


def _reconciliations() -> Iterator[tuple[str, Course]]:
    for day, (name, under_way) in enumerate([("done", False), ("skipped-under-way", True)], start=1):
        ports = fake_ports(FakeOrders()) | {
            PaymentProvider: FakeProvider(a_payment()),
            Reconciliations: FakeReconciliations(under_way=under_way),
        }
        yield name, Course(PaymentReconciliationRequest(at=datetime(2026, 1, day, tzinfo=UTC)), ports)


COURSES = {
    "payment-callback": dict(_callbacks()),
    "payment-notice": dict(_notices()),
    "payment-reconciliation": dict(_reconciliations()),
}
