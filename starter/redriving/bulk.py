"""Redrives many letters: several at a time, at a limited rate, and such that it can be called again at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from domain.dead_letters import Letter
from starter.errors import InvalidStart
from starter.pacing import Rate
from starter.redriving.acting import Redriven, Result
from starter.redriving.looking import DOABLE, Prospect, Verdict

AT_ONCE = 24
"""Letters that are looked at, or redriven, at the same time: a reset takes some tens of milliseconds."""

_LET_END = 10.0
"""Seconds that those under way have to end where somebody interrupts."""

Look = Callable[[Letter], Awaitable[Prospect]]
Act = Callable[[Prospect], Awaitable[Redriven]]


@dataclass(frozen=True)
class Pace:
    """How many, and how."""

    a_second: int
    """At most so many are redriven."""
    restart: bool = False
    """Whether letters are redriven too whose jobs can be run anew alone."""


@dataclass
class Redrives:
    """What was found and done so far."""

    done: list[Redriven] = field(default_factory=list)
    """What was redriven, and what is not to be."""
    refused: list[tuple[Letter, str]] = field(default_factory=list)
    """What should have been redriven and cannot be, each with the reason."""

    @property
    def count(self) -> int:
        """Letters that were looked at."""
        return len(self.done) + len(self.refused)


async def look_at_all(letters: AsyncIterator[Letter], looks: Look, told: Callable[[], None]) -> list[Prospect]:
    """What would become of each letter; nothing is done. `told` is called after each. Raises what `looks` raises."""
    found: list[Prospect] = []

    async def one(letter: Letter) -> None:
        found.append(await looks(letter))
        told()

    await _by_several(letters, one)
    return sorted(found, key=lambda prospect: prospect.letter.id)


async def redrive_all(
    letters: AsyncIterator[Letter],
    looks: Look,
    acts: Act,
    pace: Pace,
    *,
    so_far: Redrives,
    told: Callable[[], None],
) -> None:
    """Look at each letter and redrive it where that can be done; keeps in `so_far` what was done.

    `told` is called after each letter. Where it
    is cancelled, redrives that are under way end first, for some seconds. Raises what concerns all letters (Temporal or
    the database is away, say); what was not done then is done when it is called again.
    """
    # What a moment of slowness has held up is made up for.
    rate = Rate(pace.a_second, burst=max(1, pace.a_second // 2))
    wanted = DOABLE if pace.restart else (Verdict.resume,)
    under_way: set[asyncio.Task[None]] = set()

    async def act(prospect: Prospect) -> None:
        try:
            so_far.done.append(await acts(prospect))
        except InvalidStart as exc:
            so_far.refused.append((prospect.letter, str(exc)))
        told()

    async def one(letter: Letter) -> None:
        prospect = await looks(letter)
        if prospect.verdict not in wanted:
            so_far.done.append(Redriven(prospect, Result.skipped))
            told()
            return
        await rate.pass_one()
        acting = asyncio.create_task(act(prospect))
        under_way.add(acting)
        acting.add_done_callback(under_way.discard)
        # It may be between the claim and the reset.
        await asyncio.shield(acting)

    try:
        await _by_several(letters, one)
    finally:
        if under_way:
            ended, left = await asyncio.wait(set(under_way), timeout=_LET_END)
            for task in left:
                task.cancel()
            await asyncio.gather(*ended, *left, return_exceptions=True)


async def _by_several(letters: AsyncIterator[Letter], do: Callable[[Letter], Awaitable[None]]) -> None:
    """Call it with each, some at a time; the first error ends it."""
    one_at_a_time = asyncio.Lock()

    async def one_by_one() -> None:
        while True:
            async with one_at_a_time:
                letter = await anext(letters, None)
            if letter is None:
                return
            await do(letter)

    working = [asyncio.create_task(one_by_one()) for _ in range(AT_ONCE)]
    try:
        done, _ = await asyncio.wait(working, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
