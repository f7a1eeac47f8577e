"""The step that tells people of alerts, with fakes behind the ports."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

import pytest
from temporalio.testing import ActivityEnvironment

from activities.alert import AlertActivities
from domain.alert import AlertRequest, Told
from domain.alerts import Alert, AlertKind, Gathered
from domain.dead_letter_sweep import RunState, SeenRun
from domain.errors import OutcomeUnknown, ServiceUnavailable
from tests.fakes import FakeLedger
from tests.fakes_alerts import FakeAlerts, FakeChannel, FakeChannels, an_alert
from tests.fakes_dead_letters import FakeDeadRuns

REQUEST = AlertRequest(alert="payment-event-reused", first=17)


async def tell(
    alerts: FakeAlerts, ledger: FakeLedger, *channels: FakeChannel, runs: FakeDeadRuns | None = None
) -> Told:
    steps = AlertActivities(alerts, ledger, FakeChannels(*channels), runs or FakeDeadRuns())
    told: Told = await ActivityEnvironment().run(steps.tell, REQUEST)
    return told


async def test_every_channel_is_told_once_however_often_the_step_runs() -> None:
    alerts, ledger, channels = (
        FakeAlerts(an_alert("a"), an_alert("b")),
        FakeLedger(),
        [FakeChannel("x"), FakeChannel("y")],
    )

    for _ in range(2):
        assert await tell(alerts, ledger, *channels) == Told(state="told", alerts=2)

    assert [channel.attempts for channel in channels] == [1, 1]
    assert channels[0].taken[0].reference == "alert/payment-event-reused/17"


async def test_a_channel_that_fails_holds_no_other_up_and_is_told_alone_the_next_time() -> None:
    alerts, ledger = FakeAlerts(), FakeLedger()
    down, up = FakeChannel("down", [ServiceUnavailable("503"), OutcomeUnknown()]), FakeChannel("up")

    with pytest.raises(ServiceUnavailable):
        await tell(alerts, ledger, down, up)
    with pytest.raises(OutcomeUnknown):
        await tell(alerts, ledger, down, up)
    assert alerts.told_of == {}
    assert (await tell(alerts, ledger, down, up)).state == "told"

    assert (down.attempts, len(down.taken), up.attempts) == (3, 1, 1)
    assert alerts.told_of == {17: 1}


async def test_without_a_channel_the_alert_is_an_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    alerts = FakeAlerts(an_alert("evt_1/a"), an_alert("evt_2/b"))

    assert await tell(alerts, FakeLedger()) == Told(state="no-channel", alerts=2)

    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "ALERT_URLS" in record.getMessage()
    assert record.__dict__["alert"] == "payment-event-reused"
    assert record.__dict__["examples"] == ["evt_1/a", "evt_2/b"]
    assert alerts.told_of == {}, "nobody was told"


async def test_what_others_have_told_or_nobody_has_raised_is_not_told() -> None:
    channel = FakeChannel()

    assert (await tell(FakeAlerts(others=True), FakeLedger(), channel)).state == "told-with-others"
    assert (await tell(FakeAlerts(gone=True), FakeLedger(), channel)).state == "alert-not-found"
    assert channel.attempts == 0


class DeadLetterAlerts(FakeAlerts):
    """Alerts of dead runs, of which the message names the first five."""

    def __init__(self, *jobs: str) -> None:
        super().__init__(*(Alert(kind=AlertKind.dead_letter, key=job, job_id=job, run_id=f"run-{job}") for job in jobs))

    async def gather(self, kind: str, first: int) -> Gathered | None:
        gathered = await super().gather(kind, first)
        return gathered and gathered.model_copy(update={"kind": AlertKind.dead_letter})


class LatestRuns(FakeDeadRuns):
    """The last runs of jobs; raises where it is `away`."""

    def __init__(self, *latest: SeenRun, away: bool = False) -> None:
        super().__init__()
        self._latest, self._away = latest, away

    async def latest(self, workflow_ids: Collection[str]) -> Mapping[str, SeenRun]:
        if self._away:
            raise ServiceUnavailable("Temporal")
        return {run.workflow_id: run for run in self._latest if run.workflow_id in workflow_ids}


async def test_a_run_that_went_on_and_ended_well_after_its_death_was_recorded_is_told_to_nobody() -> None:
    well, dead, running = (
        SeenRun("a", "run-a", RunState.well),
        SeenRun("b", "run-b", RunState.dead),
        SeenRun("c", "run-c", RunState.running),
    )
    of_later_run = SeenRun("a", "run-a2", RunState.well)
    many = [f"m{number}" for number in range(6)]
    for jobs, runs, expected in (
        (["a"], LatestRuns(well), Told(state="runs-went-on")),
        (["a", "b", "c", "forgotten"], LatestRuns(well, dead, running), Told(state="told", alerts=3)),
        # Another death, which somebody has mended meanwhile.
        (["a"], LatestRuns(of_later_run), Told(state="told", alerts=1)),
        # Where not all are named, or nobody answers, it is better to tell.
        (many, LatestRuns(*(SeenRun(job, f"run-{job}", RunState.well) for job in many)), Told(state="told", alerts=6)),
        (["a"], LatestRuns(well, away=True), Told(state="told", alerts=1)),
    ):
        channel = FakeChannel()

        assert await tell(DeadLetterAlerts(*jobs), FakeLedger(), channel, runs=runs) == expected
        assert channel.attempts == (expected.state == "told")
