"""Which dead letters are meant: by their numbers, their jobs' ids, a filter, or a query of Temporal's visibility."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from temporalio.client import Client

from domain.dead_letters import WAITING, DeadLetter, DeadLetterFilter, DeadLetterRepository
from starter.connection import RPC_TIMEOUT, explained

PAGE = 500


@dataclass(frozen=True)
class Selection:
    """Dead letters to redrive: particular ones in whatever state, or those that wait and match a filter."""

    letters: DeadLetterRepository
    which: DeadLetterFilter
    limit: int | None = None

    async def each(self) -> AsyncIterator[DeadLetter]:
        """Each of them, oldest first."""
        remaining, after = self.limit, None
        while remaining is None or remaining > 0:
            size = PAGE if remaining is None else min(PAGE, remaining)
            page = await self.letters.list(self._which, limit=size, after=after, oldest_first=True)
            for letter in page:
                yield letter
            if len(page) < size:
                return
            after = page[-1].id
            remaining = None if remaining is None else remaining - size

    async def count(self) -> int:
        """How many `each` yields."""
        count = await self.letters.count(self._which)
        return count if self.limit is None else min(count, self.limit)

    @property
    def _which(self) -> DeadLetterFilter:
        return self.which if self.which.ids is not None else self.which.model_copy(update={"states": WAITING})


async def by_name(letters: DeadLetterRepository, names: Sequence[str]) -> tuple[list[DeadLetter], list[str]]:
    """The dead letters of these names, and the names that have none.

    A name is a dead letter's number, or a job's id, which means its last dead letter.
    """
    found: dict[int, DeadLetter] = {}
    missing: list[str] = []
    for name in names:
        if name.isdecimal() and len(name) < 19:
            letter = await letters.find(int(name))
        else:
            letter = next(iter(await letters.list(DeadLetterFilter(workflow_id=name), limit=1)), None)
        if letter is None:
            missing.append(name)
        else:
            found[letter.id] = letter
    return list(found.values()), missing


async def runs_of_query(client: Client, query: str) -> list[str]:
    """Ids of the dead runs that match a query. Raises InvalidStart if Temporal does not accept it."""
    dead = "ExecutionStatus IN ('Failed', 'TimedOut', 'Terminated')"
    runs = client.list_workflows(
        f"({query}) AND {dead}" if query.strip() else dead, page_size=PAGE, rpc_timeout=RPC_TIMEOUT
    )
    async with explained(client):
        return [run.run_id async for run in runs]
