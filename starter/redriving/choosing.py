"""Which letters somebody means: by their numbers, their jobs' ids, a filter, or a query of Temporal's visibility."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass

from temporalio.client import Client

from domain.dead_letters import WAITING, DeadLetters, Letter, LetterFilter, LetterState
from starter.connection import RPC_TIMEOUT, explained

PAGE = 500


@dataclass(frozen=True)
class Named:
    """Letters that were asked for by name."""

    letters: Sequence[Letter]
    missing: Sequence[str]
    """Names of which there is no letter."""


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


async def fitting(letters: DeadLetters, which: LetterFilter, *, limit: int | None = None) -> AsyncIterator[Letter]:
    """Letters that fit, oldest first; those last that were redriven when it began, since that may be under way."""
    redriven = [letter async for letter in _pages(letters, which, {LetterState.redriven}, limit)]
    left = limit
    async for letter in _pages(letters, which, WAITING, limit):
        yield letter
        left = None if left is None else left - 1
    for letter in redriven[:left]:
        yield letter


async def _pages(
    letters: DeadLetters, which: LetterFilter, states: Collection[LetterState], limit: int | None
) -> AsyncIterator[Letter]:
    wanted = frozenset(states) if which.states is None else which.states & frozenset(states)
    left, after = limit, None
    while wanted and (left is None or left > 0):
        size = PAGE if left is None else min(PAGE, left)
        page = await letters.list(
            which.model_copy(update={"states": wanted}), limit=size, after=after, oldest_first=True
        )
        for letter in page:
            yield letter
        if len(page) < size:
            return
        after = page[-1].id
        left = None if left is None else left - len(page)


async def runs_of_query(client: Client, query: str) -> AsyncIterator[frozenset[str]]:
    """Ids of the dead runs that fit a query, page by page. Raises InvalidStart for one that Temporal doesn't take."""
    dead = "ExecutionStatus IN ('Failed', 'TimedOut', 'Terminated')"
    found = client.list_workflows(
        f"({query}) AND {dead}" if query.strip() else dead, page_size=PAGE, rpc_timeout=RPC_TIMEOUT
    )
    while True:
        async with explained(client):
            await found.fetch_next_page()
        if found.current_page:
            yield frozenset(run.run_id for run in found.current_page)
        if not found.next_page_token:
            return
