"""The step that finds dead runs which left no letter, and settles the letters of jobs that are well again."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from temporalio import activity

from domain.dead_letter_sweep import (
    DeadLetterSweepRequest,
    DeadRuns,
    RunState,
    SeenRun,
    SweepMark,
    SweepTimes,
    Swept,
    settled,
)
from domain.dead_letters import SWEEP, UNSETTLED, DeadLetters, DeathCause, Letter, LetterFilter, LetterState, Moved
from domain.errors import TransientError
from domain.scheduling import ScheduledRun

_PAGE = 100
_AT_ONCE = 10
"""Runs that are looked at at the same time."""
_MOST_RUNNING = 1000
"""Of runs that are stuck, about as many are recorded in one sweep. The next one goes on."""


class DeadLetterSweepActivities:
    """What a sweep does to the world, behind ports."""

    def __init__(self, letters: DeadLetters, runs: DeadRuns, mark: SweepMark, times: SweepTimes) -> None:
        """Take the ports, and what to wait for; nothing is built or read here."""
        self._letters = letters
        self._runs = runs
        self._mark = mark
        self._times = times

    @activity.defn(name="dead_letter_sweep.sweep")
    async def sweep(self, run: ScheduledRun) -> Swept:  # noqa: ARG002  # the moment it was scheduled for says nothing of runs
        """Can run twice: a dead run has one letter, and a letter that is settled is left alone.

        It costs a look at each run that is new, and one list for each hundred letters that are not settled.
        """
        began = datetime.now(UTC)
        done: Counter[str] = Counter()
        since = await self._mark.swept_until()
        async for page in self._runs.ended(since - self._times.overlap if since else None):
            done["recorded"] += await self._record(page)
            activity.heartbeat()
        still = await self._still_running(began, done)
        await self._settle(still, began, done)
        await self._forget_older_sweeps(done)
        await self._mark.swept(began)
        return Swept(recorded=done["recorded"], resolved=done[LetterState.resolved], moved=done["moved"])

    async def _still_running(self, now: datetime, done: Counter[str]) -> set[str]:
        """Record those that are stuck or that nobody takes; returns the ids of all of them."""
        still: set[str] = set()
        recorded = 0
        for pages in (self._runs.stuck(), self._runs.untaken(now - self._times.no_worker_after)):
            async for page in pages:
                still.update(run.run_id for run in page)
                recorded += await self._record(page) if recorded < _MOST_RUNNING else 0
                activity.heartbeat()
        done["recorded"] += recorded
        return still

    async def _record(self, page: Sequence[SeenRun]) -> int:
        recorded = 0
        for start in range(0, len(page), _PAGE):
            runs = page[start : start + _PAGE]
            ids = frozenset(run.run_id for run in runs)
            known = {
                letter.run.run_id: letter for letter in await self._letters.list(LetterFilter(run_ids=ids), limit=_PAGE)
            }
            new = await self._last_ones([run for run in runs if not _told(known.get(run.run_id), run)])
            for at in range(0, len(new), _AT_ONCE):
                recorded += sum(await asyncio.gather(*(self._look(run) for run in new[at : at + _AT_ONCE])))
        return recorded

    async def _last_ones(self, runs: Sequence[SeenRun]) -> list[SeenRun]:
        """Those of up to a hundred that are, as far as lists tell, the last of their jobs: others need no look."""
        latest = await self._runs.latest({run.workflow_id for run in runs}) if runs else {}
        return [run for run in runs if latest.get(run.workflow_id, run).run_id == run.run_id]

    async def _look(self, run: SeenRun, lacking: set[str] | None = None) -> bool:
        try:
            dead = await self._runs.look(run)
            if lacking is not None and dead is not None and dead.undecryptable is not None:
                lacking.add(dead.undecryptable)
            letter = None if dead is None else await self._letters.record(dead)
        except TransientError:
            raise
        except Exception:  # noqa: BLE001  # whatever is odd about one run is not to keep the others from their letters
            about = {"action": "sweep", "job": run.workflow_id, "run": run.run_id}
            activity.logger.error("A dead run cannot be recorded", extra=about, exc_info=True)
            return False
        return letter is not None and letter.state is LetterState.open

    async def _settle(self, still: Collection[str], now: datetime, done: Counter[str]) -> None:
        last: int | None = None
        lacking: set[str] = set()
        which = LetterFilter(states=UNSETTLED)
        while page := await self._letters.list(which, limit=_PAGE, after=last, oldest_first=True):
            last = page[-1].id
            latest = await self._runs.latest({letter.run.workflow_id for letter in page})
            moves: defaultdict[tuple[LetterState, LetterState, str], list[int]] = defaultdict(list)
            later: list[SeenRun] = []
            locked: list[tuple[SeenRun, str]] = []
            for letter in page:
                run = latest.get(letter.run.workflow_id)
                if run is None:
                    continue  # its retention has ended
                if run.run_id != letter.run.run_id and run.state is RunState.dead:
                    later.append(run)
                if run.run_id == letter.run.run_id and letter.run.undecryptable is not None:
                    locked.append((run, letter.run.undecryptable))
                before = now - self._times.redrive_grace
                if (move := settled(letter, run, still=still, redriven_before=before)) is not None:
                    moves[letter.state, *move].append(letter.id)
            for (was, to, note), ids in moves.items():
                # Where a person has moved it meanwhile, that counts.
                moved = await self._letters.move(ids, to, moved=Moved(by=SWEEP, note=note), only={was})
                done[LetterState.resolved if to is LetterState.resolved else "moved"] += len(moved)
            done["recorded"] += await self._record(later)
            await self._fill_in(locked, lacking)
            activity.heartbeat()

    async def _fill_in(self, locked: Sequence[tuple[SeenRun, str]], lacking: set[str]) -> None:
        """Look again at runs that nobody could decrypt. `lacking`: keys that this process turned out not to have."""
        for run, key_id in locked:
            if key_id not in lacking:
                await self._look(run, lacking)
                activity.heartbeat()

    async def _forget_older_sweeps(self, done: Counter[str]) -> None:
        """A sweep that failed has an id that no later run has, and nothing is to be done about it after this one."""
        which = LetterFilter(kind=DeadLetterSweepRequest.kind, states=UNSETTLED)
        ids = [letter.id for letter in await self._letters.list(which, limit=_PAGE)]
        moved = Moved(by=SWEEP, note="A later sweep has done it.")
        done[LetterState.resolved] += len(await self._letters.move(ids, LetterState.resolved, moved=moved))


def _told(letter: Letter | None, run: SeenRun) -> bool:
    """Whether the letter of a run says all that a look at it would."""
    if letter is None:
        return False
    if not letter.run.cause.final:
        return letter.run.cause is run.cause and letter.state is not LetterState.resolved
    complete = letter.run.attempts is not None or letter.run.cause is not DeathCause.failed
    return complete or letter.state not in UNSETTLED
