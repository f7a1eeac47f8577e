"""Ordinary classes behind the ports of dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from domain.dead_letters import DeadRun, Letter, LetterState

_MOMENT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


class FakeDeadLetters:
    """Takes every dead run, unless told what to raise at each call. Of the port only what a failing run calls."""

    def __init__(self, script: Sequence[BaseException | None] = ()) -> None:
        self.script = list(script)
        self.calls = 0
        self.recorded: list[DeadRun] = []

    async def record(self, run: DeadRun) -> Letter | None:
        self.calls += 1
        step = self.script.pop(0) if self.script else None
        if step is not None:
            raise step
        self.recorded.append(run)
        return Letter(
            id=len(self.recorded),
            run=run,
            fingerprint=run.fingerprint,
            first_seen=_MOMENT,
            state=LetterState.open,
            state_at=_MOMENT,
        )
