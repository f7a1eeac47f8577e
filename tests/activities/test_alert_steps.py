"""The step that sends alerts, with fakes behind the ports."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

import pytest
from temporalio.testing import ActivityEnvironment

from activities.alert import AlertActivities
from domain.alert import AlertRequest, Told
from domain.alerts import Alert, AlertKind, Gathered
from domain.dead_letter_sweep import ListedRun, RunState
from domain.errors import ServiceUnavailable
from tests.fakes import FakeLedger
from tests.fakes_alerts import FakeAlerts, FakeChannel, FakeChannels, an_alert
from tests.fakes_dead_letters import FakeFailedRuns


async def tell(alerts: FakeAlerts, *channels: FakeChannel, runs: FakeFailedRuns | None = None) -> Told:
    steps = AlertActivities(alerts, FakeLedger(), FakeChannels(*channels), runs or FakeFailedRuns())
    told: Told = await ActivityEnvironment().run(steps.tell, AlertRequest(alert="payment-event-reused", first=17))
    return told


async def test_without_a_channel_the_alert_is_an_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    alerts = FakeAlerts(an_alert("evt_1/a"), an_alert("evt_2/b"))

    assert await tell(alerts) == Told(state="no-channel", alerts=2)

    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "ALERT_URLS" in record.getMessage()
    assert record.__dict__["alert"] == "payment-event-reused"
    assert record.__dict__["examples"] == ["evt_1/a", "evt_2/b"]
    assert alerts.told_of == {}


async def test_an_alert_that_another_message_covers_or_that_was_never_raised_is_not_sent() -> None:
    channel = FakeChannel()

    assert (await tell(FakeAlerts(others=True), channel)).state == "told-with-others"
    assert (await tell(FakeAlerts(gone=True), channel)).state == "alert-not-found"
    assert channel.attempts == 0


class DeadLetterAlerts(FakeAlerts):
    """Alerts of dead runs, of which the message names the first five."""

    def __init__(self, *jobs: str) -> None:
        super().__init__(*(Alert(kind=AlertKind.dead_letter, key=job, job_id=job, run_id=f"run-{job}") for job in jobs))

    async def gather(self, kind: str, first: int) -> Gathered | None:
        gathered = await super().gather(kind, first)
        return gathered and gathered.model_copy(update={"kind": AlertKind.dead_letter})


class LatestRuns(FakeFailedRuns):
    """The last runs of jobs; raises if it is `away`."""

    def __init__(self, *latest: ListedRun, away: bool = False) -> None:
        super().__init__()
        self._latest, self._away = latest, away

    async def latest(self, workflow_ids: Collection[str]) -> Mapping[str, ListedRun]:
        if self._away:
            raise ServiceUnavailable("Temporal")
        return {run.workflow_id: run for run in self._latest if run.workflow_id in workflow_ids}


_WELL = ListedRun("a", "run-a", RunState.well)
_OTHERS = (ListedRun("b", "run-b", RunState.dead), ListedRun("c", "run-c", RunState.running))
_MANY = [f"m{number}" for number in range(6)]


@pytest.mark.parametrize(
    ("jobs", "runs", "expected"),
    [
        (["a"], LatestRuns(_WELL), Told(state="runs-went-on")),
        (["a", "b", "c", "forgotten"], LatestRuns(_WELL, *_OTHERS), Told(state="told", alerts=3)),
        # That run failed, and its job was repaired since.
        (["a"], LatestRuns(ListedRun("a", "run-a2", RunState.well)), Told(state="told", alerts=1)),
        # If the message does not name all, or Temporal is away, an alert too many is better.
        (_MANY, LatestRuns(*(ListedRun(m, f"run-{m}", RunState.well) for m in _MANY)), Told(state="told", alerts=6)),
        (["a"], LatestRuns(_WELL, away=True), Told(state="told", alerts=1)),
    ],
)
async def test_a_run_that_ended_well_after_its_failure_was_recorded_is_not_alerted(
    jobs: list[str], runs: LatestRuns, expected: Told
) -> None:
    channel = FakeChannel()

    assert await tell(DeadLetterAlerts(*jobs), channel, runs=runs) == expected
    assert channel.attempts == (expected.state == "told")
