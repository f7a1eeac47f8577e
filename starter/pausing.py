"""Pausing a kind of job, or a queue: jobs that have not begun wait, however they were started, until it is resumed.

Workers look for pauses (`pause_watch.py`), and hold the jobs (`workflows/pausing.py`).
"""

from __future__ import annotations

import asyncio
import time

from pydantic import BaseModel, ConfigDict
from temporalio.client import Client

from starter import held_jobs, pauses
from starter.errors import StarterError
from starter.pauses import Pause
from workflows.pausing import Target
from workflows.registry import Registry, registry

LONGEST_REASON = 200
"""Characters."""

_LISTED_WITHIN = 5.0
"""Seconds."""


class CannotPause(StarterError, type_name="CannotPause"):
    """There is no such kind or queue, or the reason is no line of text."""


class Resumed(BaseModel):
    """What came of a call to resume."""

    model_config = ConfigDict(frozen=True)

    kind: str | None
    queue: str | None
    was_paused: bool
    released: int
    """Jobs that were told to go on."""
    still_held: int
    """Jobs that another pause holds."""


async def pause(
    client: Client,
    *,
    kind: str | None = None,
    queue: str | None = None,
    reason: str = "",
    by: str | None = None,
    kinds: Registry = registry,
) -> Pause:
    """Pause a kind of job, or all kinds of a queue; returns when workers can see it, which they do in some seconds.

    `by` says who does it (default: the client's identity). Where it is paused already, that pause stays as it is.
    Raises CannotPause, TemporalUnreachable, NotAuthorised, UnknownNamespace.
    """
    target = known_target(kinds, kind=kind, queue=queue)
    if len(reason) > LONGEST_REASON or not reason.isprintable():
        raise CannotPause(f"The reason must be one line of at most {LONGEST_REASON} characters.")
    while True:
        new = await pauses.begin(client, target, reason=reason, by=by or client.identity)
        found = await pauses.find(client, target)
        if found:
            await _listed(client, target)
            return found.model_copy(update={"new": new, "held": await held_jobs.count(client, target, kinds=kinds)})
        # Somebody has resumed it in between.


async def resume(
    client: Client,
    *,
    kind: str | None = None,
    queue: str | None = None,
    by: str | None = None,
    kinds: Registry = registry,
) -> Resumed:
    """End a pause, and tell the jobs that it holds to go on; those that another pause holds too stay.

    Can be run again where it was interrupted. Raises CannotPause for what is neither paused nor known,
    TemporalUnreachable, NotAuthorised, UnknownNamespace.
    """
    target = _one_of(kind, queue)
    was_paused = await pauses.end(client, target, by=by or client.identity)
    if not was_paused:
        known_target(kinds, kind=kind, queue=queue)
    released, still_held = await held_jobs.release(client, target, kinds=kinds)
    return Resumed(kind=kind, queue=queue, was_paused=was_paused, released=released, still_held=still_held)


async def paused(client: Client, *, kinds: Registry = registry) -> list[Pause]:
    """What is paused, the longest first, with how many jobs each pause holds. Lags behind by a moment.

    Raises TemporalUnreachable, NotAuthorised, UnknownNamespace.
    """
    return [
        found.model_copy(update={"held": await held_jobs.count(client, found.target, kinds=kinds)})
        for found in await pauses.in_force(client)
    ]


async def _listed(client: Client, target: Target) -> None:
    """Wait a little until the pause is in the list that workers look at, which lags behind."""
    until = time.monotonic() + _LISTED_WITHIN
    while time.monotonic() < until:
        if target in [each.target for each in await pauses.in_force(client)]:
            return
        await asyncio.sleep(0.1)


def known_target(kinds: Registry, *, kind: str | None = None, queue: str | None = None) -> Target:
    """The kind or the queue of that name. Raises CannotPause, naming what there is."""
    target = _one_of(kind, queue)
    if kind is not None:
        what, name, known = "kind", kind, [row.name for row in kinds]
    else:
        what, name, known = "queue", queue or "", kinds.queues()
    if name not in known:
        raise CannotPause(f"There is no {what} {name[:60]!r}; there are: {', '.join(known)}.")
    return target


def _one_of(kind: str | None, queue: str | None) -> Target:
    if (kind is None) == (queue is None):
        raise CannotPause("Name either a kind or a queue.")
    return Target(kind=kind, queue=queue)
