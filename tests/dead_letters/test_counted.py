"""The gauge of jobs that wait for a person."""

from __future__ import annotations

import re

from adapters.telemetry.dead_letters import DeadLetterCount
from adapters.telemetry.metrics import Metrics
from domain.errors import ServiceUnavailable
from tests.fakes_dead_letters import FakeDeadLetters


async def told(metrics: Metrics) -> dict[str, float]:
    found = re.findall(r'^jobs_dead_letters_open\{kind="([^"]+)"\} (\S+)$', await metrics.text(), re.MULTILINE)
    return {kind: float(value) for kind, value in found if value != "NaN"}  # which is not known any more


async def test_jobs_that_wait_for_a_person_are_counted_by_kind_and_vanish_while_they_cannot_be() -> None:
    metrics, letters = Metrics(), FakeDeadLetters()
    count = DeadLetterCount(metrics, letters, ["order-confirmation", "payment-notice"])  # type: ignore[arg-type]  # a part of the port
    await count.refresh()
    assert await told(metrics) == {"order-confirmation": 0, "payment-notice": 0}
    # One kind more, of another worker.
    letters.counts = {"order-confirmation": 3, "loyalty-points": 1}
    await count.refresh()
    assert await told(metrics) == {"order-confirmation": 3, "payment-notice": 0, "loyalty-points": 1}
    letters.counts = {"order-confirmation": 2}
    await count.refresh()
    assert await told(metrics) == {"order-confirmation": 2, "payment-notice": 0}
    letters.counts = ServiceUnavailable("The database is starting.")
    await count.refresh()
    assert await told(metrics) == {}
    await metrics.close()
