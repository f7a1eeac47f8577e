"""Which letters somebody means: by their numbers, their jobs' ids, a filter, or a query of Temporal's visibility."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field

from temporalio.client import Client

from domain.dead_letters import UNSETTLED, WAITING, DeadLetters, Letter, LetterFilter, LetterState
from starter.connection import RPC_TIMEOUT, explained

PAGE = 500


@dataclass(frozen=True)
class Named:
    """Letters that were asked for by name."""

    letters: Sequence[Letter]
    missing: Sequence[str]
    """Names of which there is no letter."""


@dataclass(frozen=True)
class Choice:
    """Letters that are to be redriven: certain ones, whatever became of them, or those that fit a filter."""

    letters: DeadLetters
    ids: Sequence[int] | None = None
    which: LetterFilter = field(default_factory=LetterFilter)
    limit: int | None = None

    def every(self) -> AsyncIterator[Letter]:
        """Those to look at: of a filter all that may be dead."""
        return self._each(UNSETTLED)

    def waiting(self) -> AsyncIterator[Letter]:
        """Those to redrive: of a filter all that wait for somebody."""
        return self._each(WAITING)

    async def redriven(self) -> list[Letter]:
        """Those of which somebody has said that they go on."""
        return [letter async for letter in self._each({LetterState.redriven}) if letter.state is LetterState.redriven]

    async def count(self, states: Collection[LetterState]) -> int:
        """How many there are; of a filter those in these states."""
        if self.ids is not None:
            return len(self.ids)
        count = await self.letters.count(self.which.model_copy(update={"states": frozenset(states)}))
        return count if self.limit is None else min(count, self.limit)

    def _each(self, states: Collection[LetterState]) -> AsyncIterator[Letter]:
        return self._fitting(frozenset(states)) if self.ids is None else self._certain(self.ids)

    async def _certain(self, ids: Sequence[int]) -> AsyncIterator[Letter]:
        for start in range(0, len(ids), PAGE):
            some = frozenset(ids[start : start + PAGE])
            for letter in await self.letters.list(LetterFilter(ids=some), limit=PAGE, oldest_first=True):
                yield letter

    async def _fitting(self, states: frozenset[LetterState]) -> AsyncIterator[Letter]:
        which = self.which.model_copy(update={"states": states})
        left, after = self.limit, None
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            page = await self.letters.list(which, limit=size, after=after, oldest_first=True)
            for letter in page:
                yield letter
            if len(page) < size:
                return
            after = page[-1].id
            left = None if left is None else left - len(page)


async def named(letters: DeadLetters, names: Sequence[str]) -> Named:
    """The letters of these names: a letter's number, or a job's id, which means its last letter."""
    found: dict[int, Letter] = {}
    missing: list[str] = []
    for name in names:
        if name.isdecimal() and len(name) < 19:
            letter = await letters.find(int(name))
        else:
            letter = next(iter(await letters.list(LetterFilter(workflow_id=name), limit=1)), None)
        if letter is None:
            missing.append(name)
        else:
            found[letter.id] = letter
    return Named(list(found.values()), missing)


async def of_runs(letters: DeadLetters, run_ids: Sequence[str], which: LetterFilter) -> list[int]:
    """Ids of the letters of these runs that fit a filter too and are not settled, the oldest first."""
    found: list[int] = []
    for start in range(0, len(run_ids), PAGE):
        some = frozenset(run_ids[start : start + PAGE])
        of_page = which.model_copy(update={"run_ids": some, "states": UNSETTLED})
        found += [letter.id for letter in await letters.list(of_page, limit=PAGE)]
    return sorted(found)


async def runs_of_query(client: Client, query: str) -> list[str]:
    """Ids of the dead runs that fit a query. Raises InvalidStart for one that Temporal does not take."""
    dead = "ExecutionStatus IN ('Failed', 'TimedOut', 'Terminated')"
    found = client.list_workflows(
        f"({query}) AND {dead}" if query.strip() else dead, page_size=PAGE, rpc_timeout=RPC_TIMEOUT
    )
    run_ids: list[str] = []
    while True:
        async with explained(client):
            await found.fetch_next_page()
        run_ids += [run.run_id for run in found.current_page or ()]
        if not found.next_page_token:
            return run_ids
