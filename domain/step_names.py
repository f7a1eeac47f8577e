"""Names on the wire of steps that were renamed: what is told of one that has run under an earlier name."""

from __future__ import annotations

from collections.abc import Sequence

_names_now: dict[str, str] = {}
"""Other names of steps → their names now."""
_chains: dict[str, tuple[str, ...]] = {}
"""Names of renamed steps now → all that they have, the latest first."""


def step_name(name: str) -> str:
    """A step's name now: `order_confirmation.send`, of which history may say `order_confirmation.mail`."""
    return _names_now.get(name, name)


def names_of(step: str) -> tuple[str, ...]:
    """All names of a step, by its name now: the latest first."""
    return _chains.get(step, (step,))


def declare_renamed_step(now: str, names: Sequence[str]) -> None:
    """Have a step known by other names too, the latest first; the registry does it for each row."""
    _chains[now] = tuple(names)
    _names_now.update({name: now for name in names if name != now})
