"""Ordinary classes behind the ports of dead letters."""

# ruff: noqa: ARG002  # the names are the ports', and these classes ignore what they name
from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import UTC, datetime

from domain.dead_letter_sweep import FailedRuns, ListedRun, SweepCheckpoint, SweepTimes
from domain.dead_letters import (
    Audit,
    DeadLetter,
    DeadLetterFilter,
    DeadLetterRepository,
    DeadLetterState,
    FailedRun,
    FailureCause,
    Move,
    fingerprint_of,
)

_MOMENT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def a_failed_run(number: int = 1) -> FailedRun:
    return FailedRun(
        workflow_id=f"order-confirmation/{number}",
        run_id=f"run-{number}",
        kind="order-confirmation",
        queue="notifications",
        cause=FailureCause.failed,
        error_type="RecipientRejected",
        failed_at=_MOMENT,
    )


def a_letter(run: FailedRun | None = None, *, number: int = 1) -> DeadLetter:
    run = run or a_failed_run(number)
    return DeadLetter(
        **run.model_dump(),
        id=number,
        fingerprint=fingerprint_of(run),
        first_seen=_MOMENT,
        state=DeadLetterState.open,
        state_at=_MOMENT,
    )


class FakeDeadLetterRepository:
    """Takes every dead run, or raises what the script says at each call. Of the port only what workers call."""

    def __init__(self, script: Sequence[BaseException | None] = ()) -> None:
        self.script = list(script)
        self.calls = 0
        self.recorded: list[FailedRun] = []
        self.open: Sequence[DeadLetter] = ()
        self.counts: dict[str, int] | BaseException = {}

    async def record(self, run: FailedRun) -> DeadLetter | None:
        self.calls += 1
        if self.script and (error := self.script.pop(0)) is not None:
            raise error
        self.recorded.append(run)
        return a_letter(run, number=len(self.recorded))

    async def count(self, which: DeadLetterFilter) -> int:
        return len(self.open)

    async def list(
        self, which: DeadLetterFilter, *, limit: int, after: int | None = None, oldest_first: bool = False
    ) -> Sequence[DeadLetter]:
        return self.open[:limit]

    async def waiting(self) -> Mapping[str, int]:
        if isinstance(self.counts, BaseException):
            raise self.counts
        return self.counts

    async def move(self, ids: Collection[int], move: Move, audit: Audit) -> Sequence[int]:
        return ()


class FakeFailedRuns:
    """All runs are well. Raises what the script says at each sweep."""

    def __init__(self, script: Sequence[BaseException | None] = ()) -> None:
        self.script = list(script)

    async def ended(self, since: datetime | None) -> AsyncIterator[Sequence[ListedRun]]:
        if self.script and (error := self.script.pop(0)) is not None:
            raise error
        yield ()

    async def stuck(self) -> AsyncIterator[Sequence[ListedRun]]:
        yield ()

    async def untaken(self, before: datetime) -> AsyncIterator[Sequence[ListedRun]]:
        yield ()

    async def latest(self, workflow_ids: Collection[str]) -> Mapping[str, ListedRun]:
        return {}

    async def examine(self, run: ListedRun) -> FailedRun | None:
        return None


class FakeSweepCheckpoint:
    """Nothing was swept yet."""

    until: datetime | None = None

    async def swept_until(self) -> datetime | None:
        return self.until

    async def advance(self, until: datetime) -> None:
        self.until = until


def dead_letter_ports(script: Sequence[BaseException | None] = ()) -> dict[type, object]:
    """`script`: what each sweep raises."""
    return {
        DeadLetterRepository: FakeDeadLetterRepository(),
        FailedRuns: FakeFailedRuns(script),
        SweepCheckpoint: FakeSweepCheckpoint(),
        SweepTimes: SweepTimes(),
    }
