"""The steps of the sweep and of the digest, and the gauge of open dead letters, with fakes behind the ports."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest
from temporalio.testing import ActivityEnvironment

from activities.dead_letter_digest import DeadLetterDigestActivities
from activities.dead_letter_sweep import DeadLetterSweepActivities
from adapters.telemetry.depths import DeadLetterCount
from adapters.telemetry.metrics import Metrics
from domain.alert_texts import message_of
from domain.alerts import EXAMPLES, AlertKind, Gathered
from domain.dead_letter_digest import Reminded
from domain.dead_letter_sweep import ListedRun, RunState, SweepTimes, Swept
from domain.dead_letters import FailedRun, FailureCause
from domain.errors import ServiceUnavailable
from domain.scheduling import ScheduledRun
from tests.fakes_alerts import FakeAlerts
from tests.fakes_dead_letters import (
    FakeDeadLetterRepository,
    FakeFailedRuns,
    FakeSweepCheckpoint,
    a_failed_run,
    a_letter,
)

_RUN = ScheduledRun(name="d", at=datetime(2026, 11, 24, 23, 30, tzinfo=UTC), time_zone="Europe/Zurich", run="d/1")


class ThreeFailedRuns(FakeFailedRuns):
    async def ended(self, since: datetime | None) -> AsyncIterator[Sequence[ListedRun]]:  # noqa: ARG002  # the port's
        yield [ListedRun(f"order-confirmation/{n}", f"run-{n}", RunState.dead, FailureCause.failed) for n in (1, 2, 3)]

    async def examine(self, run: ListedRun) -> FailedRun | None:
        return a_failed_run(int(run.run_id.removeprefix("run-")))


def _sweeping(letters: FakeDeadLetterRepository, checkpoint: FakeSweepCheckpoint) -> DeadLetterSweepActivities:
    return DeadLetterSweepActivities(letters, ThreeFailedRuns(), checkpoint, SweepTimes())  # type: ignore[arg-type]  # a part of the port


async def test_a_run_that_cannot_be_recorded_keeps_no_other_one_from_its_letter() -> None:
    letters, checkpoint = FakeDeadLetterRepository([None, ValueError("odd")]), FakeSweepCheckpoint()
    assert await ActivityEnvironment().run(_sweeping(letters, checkpoint).sweep, _RUN) == Swept(recorded=2)
    assert [run.run_id for run in letters.recorded] == ["run-1", "run-3"]
    assert checkpoint.until is not None


async def test_after_a_sweep_that_an_outage_ended_the_next_one_looks_as_far_back() -> None:
    letters, checkpoint = FakeDeadLetterRepository([None, ServiceUnavailable("starting")]), FakeSweepCheckpoint()
    with pytest.raises(ServiceUnavailable):
        await ActivityEnvironment().run(_sweeping(letters, checkpoint).sweep, _RUN)
    assert checkpoint.until is None


async def test_operators_are_reminded_of_the_oldest_letters_in_one_message() -> None:
    letters, alerts = FakeDeadLetterRepository(), FakeAlerts(None)
    step = DeadLetterDigestActivities(letters, alerts)  # type: ignore[arg-type]  # a part of the port
    assert await ActivityEnvironment().run(step.remind, _RUN) == Reminded(open=0)
    assert [*alerts.alerts] == [], "nothing is open"

    letters.open = [a_letter(number=number) for number in range(1, 20)]
    for _ in range(2):
        assert await ActivityEnvironment().run(step.remind, _RUN) == Reminded(open=19)

    # By the shop's day, not UTC's; the table takes each key once.
    keys = [alert.key for alert in dict.fromkeys(alerts.alerts)]
    assert keys == [f"2026-11-25/run-{number}" for number in range(1, EXAMPLES + 1)]
    (about,) = {alert.about for alert in alerts.alerts}
    kind = AlertKind.dead_letter_digest
    gathered = Gathered(kind=kind, about=about, count=5, examples=alerts.alerts[:EXAMPLES])
    message = message_of(gathered, reference="alert/1", first=1, web_ui="http://ui", namespace="default")
    assert message.title == "Jobs still need a person: 19 of them, the oldest since 2026-01-02 03:04 UTC"
    assert "http://ui/namespaces/default/workflows/order-confirmation%2F1/run-1" in message.text
    assert "python -m starter dead redrive order-confirmation/1\n" in message.text


async def test_waiting_letters_are_counted_by_kind_and_vanish_while_the_database_is_away() -> None:
    metrics, letters = Metrics(), FakeDeadLetterRepository()
    gauge = DeadLetterCount(metrics, letters, ["order-confirmation", "payment-notice"])  # type: ignore[arg-type]  # a part of the port
    for counts, expected in (
        ({}, {"order-confirmation": 0, "payment-notice": 0}),
        # Another worker has one kind more.
        (
            {"order-confirmation": 3, "loyalty-points": 1},
            {"order-confirmation": 3, "payment-notice": 0, "loyalty-points": 1},
        ),
        ({"order-confirmation": 2}, {"order-confirmation": 2, "payment-notice": 0}),
        (ServiceUnavailable("The database is starting."), {}),
    ):
        letters.counts = counts
        await gauge.refresh()
        lines = re.findall(r'^jobs_dead_letters_open\{kind="([^"]+)"\} (\S+)$', await metrics.text(), re.MULTILINE)
        # NaN: it is not known any more.
        assert {kind: float(value) for kind, value in lines if value != "NaN"} == expected
    await metrics.close()
