"""Courses of the kinds that look after dead letters."""

from __future__ import annotations

from datetime import UTC, datetime

from domain.dead_letter_sweep import DeadLetterSweepRequest
from domain.errors import ServiceUnavailable
from tests.fakes import FakeOrders, fake_ports
from tests.fakes_dead_letters import dead_letter_ports
from tests.histories.courses.course import Course


def _sweep(minute: int, *script: BaseException | None) -> Course:
    at = datetime(2026, 11, 24, 12, minute, tzinfo=UTC)
    return Course(DeadLetterSweepRequest(at=at), {**fake_ports(FakeOrders()), **dead_letter_ports(script)})


COURSES = {
    "dead-letter-sweep": {
        "done": _sweep(0),
        "done-at-the-second-attempt": _sweep(5, ServiceUnavailable("Temporal does not answer (UNAVAILABLE).")),
    },
}
