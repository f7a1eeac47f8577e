"""The step that finds dead runs without a dead letter, and settles the dead letters of jobs that recovered."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from temporalio import activity

from domain.dead_letter_sweep import (
    DeadLetterSweepRequest,
    FailedRuns,
    ListedRun,
    RunState,
    SweepCheckpoint,
    SweepTimes,
    Swept,
    settled,
)
from domain.dead_letters import (
    SWEEP,
    UNSETTLED,
    Audit,
    DeadLetter,
    DeadLetterFilter,
    DeadLetterRepository,
    DeadLetterState,
    FailureCause,
    Move,
)
from domain.errors import TransientError
from domain.scheduling import ScheduledRun

_PAGE = 100
_MAX_CONCURRENCY = 10
"""Runs that are examined at the same time."""
_MAX_RUNNING = 1000
"""About how many stuck runs one sweep records. The next sweep continues."""


class DeadLetterSweepActivities:
    """What a sweep does to the world, behind ports."""

    def __init__(
        self, letters: DeadLetterRepository, runs: FailedRuns, checkpoint: SweepCheckpoint, times: SweepTimes
    ) -> None:
        """Take the ports and the time limits; nothing is built or read here."""
        self._letters = letters
        self._runs = runs
        self._checkpoint = checkpoint
        self._times = times

    @activity.defn(name="dead_letter_sweep.sweep")
    async def sweep(self, run: ScheduledRun) -> Swept:  # noqa: ARG002  # its scheduled moment says nothing about runs
        """Can run twice: a dead run has one dead letter, and settled dead letters are left alone.

        Costs one examination per new dead run, and one list per hundred unsettled dead letters.
        """
        began = datetime.now(UTC)
        done: Counter[str] = Counter()
        since = await self._checkpoint.swept_until()
        async for page in self._runs.ended(since - self._times.overlap if since else None):
            done["recorded"] += await self._record(page)
            activity.heartbeat()
        still = await self._record_running(began, done)
        await self._settle(still, began, done)
        await self._resolve_failed_sweeps(done)
        await self._checkpoint.advance(began)
        return Swept(recorded=done["recorded"], resolved=done["resolved"], moved=done["moved"])

    async def _record_running(self, now: datetime, done: Counter[str]) -> set[str]:
        """Record the runs that are stuck or that no worker takes; returns the ids of all of them."""
        still: set[str] = set()
        recorded = 0
        for pages in (self._runs.stuck(), self._runs.untaken(now - self._times.no_worker_after)):
            async for page in pages:
                still.update(run.run_id for run in page)
                recorded += await self._record(page) if recorded < _MAX_RUNNING else 0
                activity.heartbeat()
        done["recorded"] += recorded
        return still

    async def _record(self, page: Sequence[ListedRun]) -> int:
        recorded = 0
        for start in range(0, len(page), _PAGE):
            runs = page[start : start + _PAGE]
            which = DeadLetterFilter(run_ids=frozenset(run.run_id for run in runs))
            known = {letter.run_id: letter for letter in await self._letters.list(which, limit=_PAGE)}
            new = [run for run in runs if not _is_complete(known.get(run.run_id), run)]
            # A run that is not the last of its job, according to the lists, needs no examination.
            latest = await self._runs.latest({run.workflow_id for run in new}) if new else {}
            new = [run for run in new if latest.get(run.workflow_id, run).run_id == run.run_id]
            for at in range(0, len(new), _MAX_CONCURRENCY):
                recorded += sum(await asyncio.gather(*map(self._examine, new[at : at + _MAX_CONCURRENCY])))
        return recorded

    async def _examine(self, run: ListedRun, missing_keys: set[str] | None = None) -> bool:
        try:
            failed = await self._runs.examine(run)
            if missing_keys is not None and failed is not None and failed.undecryptable is not None:
                missing_keys.add(failed.undecryptable)
            letter = None if failed is None else await self._letters.record(failed)
        except TransientError:
            raise
        except Exception:  # noqa: BLE001  # one odd run must not keep the others from being recorded
            about = {"action": "sweep", "job": run.workflow_id, "run": run.run_id}
            activity.logger.error("A dead run cannot be recorded", extra=about, exc_info=True)
            return False
        return letter is not None and letter.state is DeadLetterState.open

    async def _settle(self, still: Collection[str], now: datetime, done: Counter[str]) -> None:
        last: int | None = None
        missing_keys: set[str] = set()
        which = DeadLetterFilter(states=UNSETTLED)
        redriven_before = now - self._times.redrive_grace
        while page := await self._letters.list(which, limit=_PAGE, after=last, oldest_first=True):
            last = page[-1].id
            latest = await self._runs.latest({letter.workflow_id for letter in page})
            moves: defaultdict[tuple[Move, str], list[int]] = defaultdict(list)
            later: list[ListedRun] = []
            for letter in page:
                run = latest.get(letter.workflow_id)
                if run is None:
                    continue  # its retention has ended
                if run.run_id != letter.run_id and run.state is RunState.dead:
                    later.append(run)
                if (settling := settled(letter, run, still=still, redriven_before=redriven_before)) is not None:
                    moves[settling].append(letter.id)
            for (move, note), ids in moves.items():
                moved = await self._letters.move(ids, move, Audit(by=SWEEP, note=note))
                done["resolved" if move is Move.resolve else "moved"] += len(moved)
            done["recorded"] += await self._record(later)
            for letter in page:
                run = latest.get(letter.workflow_id)
                if run is None or run.run_id != letter.run_id or letter.undecryptable is None:
                    continue
                # This process may have the key that was missing then; each key is tried once.
                if letter.undecryptable not in missing_keys:
                    await self._examine(run, missing_keys)
                    activity.heartbeat()
            activity.heartbeat()

    async def _resolve_failed_sweeps(self, done: Counter[str]) -> None:
        """A failed sweep has an id that no later run has, and this sweep has done its work."""
        which = DeadLetterFilter(kind=DeadLetterSweepRequest.kind, states=UNSETTLED)
        ids = [letter.id for letter in await self._letters.list(which, limit=_PAGE)]
        audit = Audit(by=SWEEP, note="A later sweep has done it.")
        done["resolved"] += len(await self._letters.move(ids, Move.resolve, audit))


def _is_complete(letter: DeadLetter | None, run: ListedRun) -> bool:
    """True if an examination of the run would add nothing to its dead letter."""
    if letter is None:
        return False
    if not letter.cause.final:
        return letter.cause is run.cause and letter.state is not DeadLetterState.resolved
    complete = letter.attempts is not None or letter.cause is not FailureCause.failed
    return complete or letter.state not in UNSETTLED
