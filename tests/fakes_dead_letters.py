"""Ordinary classes behind the ports of dead letters."""

# ruff: noqa: ARG002  # the names are the ports', and these classes ignore what they name
from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import UTC, datetime

from domain.dead_letter_sweep import DeadRuns, SeenRun, SweepMark, SweepTimes
from domain.dead_letters import DeadLetters, DeadRun, DeathCause, Letter, LetterFilter, LetterState, Moved

_MOMENT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def a_letter(run: DeadRun | None = None, *, number: int = 1) -> Letter:
    run = run or DeadRun(
        workflow_id=f"order-confirmation/{number}",
        run_id=f"run-{number}",
        kind="order-confirmation",
        queue="notifications",
        cause=DeathCause.failed,
        error_type="RecipientRejected",
        failed_at=_MOMENT,
    )
    return Letter(
        id=number,
        run=run,
        fingerprint=run.fingerprint,
        first_seen=_MOMENT,
        state=LetterState.open,
        state_at=_MOMENT,
    )


class FakeDeadLetters:
    """Takes every dead run, unless told what to raise at each call. Of the port only what workers call."""

    def __init__(self, script: Sequence[BaseException | None] = ()) -> None:
        self.script = list(script)
        self.calls = 0
        self.recorded: list[DeadRun] = []
        self.open: Sequence[Letter] = ()
        self.counts: dict[str, int] | BaseException = {}

    async def record(self, run: DeadRun) -> Letter | None:
        self.calls += 1
        step = self.script.pop(0) if self.script else None
        if step is not None:
            raise step
        self.recorded.append(run)
        return a_letter(run, number=len(self.recorded))

    async def count(self, which: LetterFilter) -> int:
        return len(self.open)

    async def list(
        self, which: LetterFilter, *, limit: int, after: int | None = None, oldest_first: bool = False
    ) -> Sequence[Letter]:
        return self.open[:limit]

    async def waiting(self) -> Mapping[str, int]:
        if isinstance(self.counts, BaseException):
            raise self.counts
        return self.counts

    async def move(
        self, ids: Collection[int], to: LetterState, *, moved: Moved, only: Collection[LetterState] | None = None
    ) -> Sequence[int]:
        return ()


class FakeDeadRuns:
    """All runs are well. Raises what it is told to at each sweep."""

    def __init__(self, script: Sequence[BaseException | None] = ()) -> None:
        self.script = list(script)

    async def ended(self, since: datetime | None) -> AsyncIterator[Sequence[SeenRun]]:
        step = self.script.pop(0) if self.script else None
        if step is not None:
            raise step
        yield ()

    async def stuck(self) -> AsyncIterator[Sequence[SeenRun]]:
        yield ()

    async def untaken(self, before: datetime) -> AsyncIterator[Sequence[SeenRun]]:
        yield ()

    async def latest(self, workflow_ids: Collection[str]) -> Mapping[str, SeenRun]:
        return {}

    async def look(self, run: SeenRun) -> DeadRun | None:
        return None


class FakeSweepMark:
    """Nothing was swept yet."""

    def __init__(self) -> None:
        self.until: datetime | None = None

    async def swept_until(self) -> datetime | None:
        return self.until

    async def swept(self, until: datetime) -> None:
        self.until = until


def dead_letter_ports(script: Sequence[BaseException | None] = ()) -> dict[type, object]:
    """`script`: what each sweep raises."""
    return {
        DeadLetters: FakeDeadLetters(),
        DeadRuns: FakeDeadRuns(script),
        SweepMark: FakeSweepMark(),
        SweepTimes: SweepTimes(),
    }
