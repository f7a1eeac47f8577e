"""Courses of the kinds that look after dead letters."""

from __future__ import annotations

from datetime import UTC, datetime

from domain.dead_letter_digest import DeadLetterDigestRequest
from domain.dead_letter_sweep import DeadLetterSweepRequest
from domain.dead_letters import DeadLetterRepository
from domain.errors import ServiceUnavailable
from tests.fakes import FakeOrders, fake_ports
from tests.fakes_dead_letters import FakeDeadLetterRepository, a_letter, dead_letter_ports
from tests.histories.courses.course import Course


def _sweep(minute: int, *script: BaseException | None) -> Course:
    at = datetime(2026, 11, 24, 12, minute, tzinfo=UTC)
    return Course(DeadLetterSweepRequest(at=at), {**fake_ports(FakeOrders()), **dead_letter_ports(script)})


def _digest(day: int, open_letters: int) -> Course:
    letters = FakeDeadLetterRepository()
    letters.open = [a_letter(number=number) for number in range(1, open_letters + 1)]
    ports = {**fake_ports(FakeOrders()), DeadLetterRepository: letters}
    return Course(DeadLetterDigestRequest(at=datetime(2026, 11, day, 8, tzinfo=UTC)), ports)


COURSES = {
    "dead-letter-digest": {
        "done": _digest(1, 7),
        "skipped-nothing-open": _digest(2, 0),
    },
    "dead-letter-sweep": {
        "done": _sweep(0),
        "done-at-the-second-attempt": _sweep(5, ServiceUnavailable("Temporal does not answer (UNAVAILABLE).")),
    },
}
