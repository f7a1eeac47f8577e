"""Courses of the kinds that are about orders."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from domain.dead_letters import DeadLetterRepository
from domain.errors import RateLimited, RecipientRejected, ServiceUnavailable
from domain.order_confirmation import OrderConfirmationRequest
from tests.fakes import FakeMail, FakeOrders, an_order, fake_ports
from tests.fakes_dead_letters import FakeDeadLetterRepository
from tests.histories.courses.course import BUSY, Course


def _confirmations() -> Iterator[tuple[str, Course]]:
    scripts: dict[str, tuple[dict[str, bool] | None, list[BaseException | None]]] = {
        "done-at-once": ({}, []),
        "done-at-the-second-attempt": ({}, [ServiceUnavailable(BUSY)]),
        "done-at-the-last-attempt": ({}, [ServiceUnavailable(BUSY)] * 3),
        "failed-at-the-last-attempt": ({}, [ServiceUnavailable(BUSY)] * 4),
        "refused-at-once": ({}, [RecipientRejected("550 5.1.1 at RCPT TO")]),
        "refused-at-the-second-attempt": ({}, [ServiceUnavailable(BUSY), RecipientRejected("550 5.1.1 at RCPT TO")]),
        "past-the-deadline": ({}, [RateLimited("429", retry_after=timedelta(hours=1))]),
        "skipped-not-found": (None, []),
        "skipped-confirmed": ({"confirmed": True}, []),
        "held-and-resumed": ({}, [ServiceUnavailable(BUSY)]),
        "letter-left-at-once": ({}, [RecipientRejected("550 5.1.1 at RCPT TO")]),
        "letter-left-at-the-last-attempt": ({}, [ServiceUnavailable(BUSY)] * 4),
        "letter-not-left": ({}, [RecipientRejected("550 5.1.1 at RCPT TO")]),
    }
    for order_id, (name, (order, script)) in enumerate(scripts.items(), start=1):
        orders = FakeOrders() if order is None else FakeOrders(an_order(order_id, confirmed="confirmed" in order))
        letters = FakeDeadLetterRepository(
            [ServiceUnavailable("The database is away.")] * 2 if name == "letter-not-left" else ()
        )
        ports = {**fake_ports(orders, mail=FakeMail(*script)), DeadLetterRepository: letters}
        yield name, Course(OrderConfirmationRequest(order_id=order_id), ports, held=name.startswith("held"))


COURSES = {"order-confirmation": dict(_confirmations())}
