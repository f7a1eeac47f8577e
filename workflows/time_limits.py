"""The start-up check that no call to the outside world outlasts the attempt that makes it.

When an attempt's limit is over, the server starts the next one. The one before must have stopped by then, or the two of
them do the same thing at the same time.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping
from datetime import timedelta

from workflows.registry import Kind


class TimeLimitsContradict(Exception):
    """A call can take longer than an attempt may."""


def check_time_limits(kinds: Iterable[Kind], limits: Mapping[type, tuple[timedelta, str]]) -> None:
    """Compare the ports that kinds ask for with the kinds' policies.

    `limits` tells by port the longest that one call can take, and which settings that comes from. Raises
    TimeLimitsContradict, which names them.
    """
    for kind in kinds:
        asked = typing.get_type_hints(kind.activities.__init__)  # type: ignore[misc]  # of the class itself
        for port in asked.values():
            longest, settings = limits.get(port, (timedelta(), ""))
            if longest >= kind.policy.attempt_limit:
                limit = kind.policy.attempt_limit.total_seconds()
                raise TimeLimitsContradict(
                    f"A call of {port.__name__} can take {longest.total_seconds():g} s, but an attempt of {kind.name} "
                    f"has {limit:g} s (policy {kind.policy.name}). Lower {settings}."
                )
