"""What one sweep does about a run that cannot be recorded, and what ends it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest
from temporalio.testing import ActivityEnvironment

from activities.dead_letter_sweep import DeadLetterSweepActivities
from domain.dead_letter_sweep import RunState, SeenRun, SweepTimes, Swept
from domain.dead_letters import DeadRun, DeathCause
from domain.errors import ServiceUnavailable
from domain.scheduling import ScheduledRun
from tests.fakes_dead_letters import FakeDeadLetters, FakeDeadRuns, FakeSweepMark, a_letter

_TOLD = ScheduledRun(name="sweep", at=datetime(2026, 11, 24, tzinfo=UTC), time_zone="UTC", run="sweep/1")


class Deaths(FakeDeadRuns):
    """Three runs that have failed."""

    async def ended(self, since: datetime | None) -> AsyncIterator[Sequence[SeenRun]]:  # noqa: ARG002  # the port's
        yield [SeenRun(f"order-confirmation/{n}", f"run-{n}", RunState.dead, DeathCause.failed) for n in range(1, 4)]

    async def look(self, run: SeenRun) -> DeadRun | None:
        return a_letter(number=int(run.run_id.removeprefix("run-"))).run


def _sweeping(letters: FakeDeadLetters, mark: FakeSweepMark) -> DeadLetterSweepActivities:
    return DeadLetterSweepActivities(letters, Deaths(), mark, SweepTimes())  # type: ignore[arg-type]  # a part of the port


async def test_a_run_that_cannot_be_recorded_keeps_no_other_one_from_its_letter() -> None:
    letters, mark = FakeDeadLetters([None, ValueError("odd")]), FakeSweepMark()
    assert await ActivityEnvironment().run(_sweeping(letters, mark).sweep, _TOLD) == Swept(recorded=2)
    assert [run.run_id for run in letters.recorded] == ["run-1", "run-3"]
    assert mark.until is not None


async def test_a_sweep_that_an_outage_ends_looks_as_far_back_again() -> None:
    letters, mark = FakeDeadLetters([None, ServiceUnavailable("The database is starting.")]), FakeSweepMark()
    with pytest.raises(ServiceUnavailable):
        await ActivityEnvironment().run(_sweeping(letters, mark).sweep, _TOLD)
    assert mark.until is None
