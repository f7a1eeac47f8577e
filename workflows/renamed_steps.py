"""A step that was renamed: which of its names a run calls, and how a worker serves them all.

A replay has to call what history says was called. So a run that comes to a renamed step for the first time calls it by
its new name, and records that by `workflow.patched`; a replay without that record calls it by the name before.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from temporalio import activity, workflow

from domain.step_names import names_of

_PATCH = "renamed-step:"
"""With a step's name: patch of a run that calls it so, though it had another one before."""

_chosen: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, str]] = WeakKeyDictionary()
"""Names that a run has settled on, by its event loop: each run has its own, for as long as a worker has it in memory.
The workflow's object may take no further attribute (`__slots__`), and be neither hashable nor weakly referenced."""


def name_in_this_run(step: str) -> str:
    """Name by which this run calls a step, which is given by its name now. Once chosen, it stays for the whole run."""
    chosen = _chosen.setdefault(asyncio.get_running_loop(), {})
    if step not in chosen:
        chosen[step] = _choose(step)
    return chosen[step]


def _choose(step: str) -> str:
    names = names_of(step)
    replaying = workflow.unsafe.is_replaying()
    for name in names:
        # At a replay each name is asked for, also that of a step without earlier ones any more: a record of it must be
        # met by a call, and where there is none, asking leaves no trace. At the first time only the name now is.
        asked = replaying or (name == step != names[-1])
        if asked and workflow.patched(_PATCH + name):
            return name
    return names[-1]


def served_as(method: Callable[..., Any], names: Iterable[str]) -> Iterator[Callable[..., Any]]:
    """A bound step under each of these names."""
    definition = activity._Definition.must_from_callable(method)
    for name in names:
        if name == definition.name:
            yield method
            continue
        other = partial(method)
        setattr(other, "__temporal_activity_definition", replace(definition, name=name))  # a name with two underscores
        yield other


def chains(
    aliases: Mapping[str, tuple[str, ...]], steps: Collection[str], taken: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Step by its name now → all its names, the latest first; for steps that have several.

    `taken` are names of other kinds' steps. Raises ValueError, saying what to change, where a row's `step_aliases`
    contradict themselves or other names.
    """
    found: dict[str, tuple[str, ...]] = {}
    named: set[str] = set()
    for latest, earlier in aliases.items():
        if isinstance(earlier, str):
            raise ValueError(f"step_aliases of {latest!r} are names in a tuple: ({earlier!r},)")  # noqa: TRY004  # one error
        names = (latest, *earlier)
        for name in names:
            if not re.fullmatch(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*", name):
                raise ValueError(f"name {name!r} of a step is not of the form 'order_confirmation.send'")
            if name in taken:
                raise ValueError(f"{name!r}, a name of the step {latest!r}, is one of another kind's step")
            if name in named:
                raise ValueError(f"step_aliases name {name!r} twice: give each step one entry, the latest name first")
            named.add(name)
        now = [name for name in names if name in steps]
        if not now:
            raise ValueError(f"step_aliases name {latest!r}, but no activity has one of its names: take the entry out")
        if len(now) > 1:
            raise ValueError(f"{now[0]!r} and {now[1]!r} are two steps, and cannot be names of one: take one alias out")
        if len(names) > 1:
            found[now[0]] = names
    return found
