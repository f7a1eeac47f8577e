"""The start-up check that an attempt has the time which its calls to the outside world can take.

An attempt is stopped shortly before its limit is over, when the server starts the next one. What is stopped in the
middle of a call leaves that call's outcome unknown: a mail that was accepted a moment later goes out again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from activities.interceptor import stopped_after
from workflows.registry import Kind


class TimeLimitsContradict(Exception):
    """The calls of an attempt can take longer than the attempt may."""


def check_time_limits(kinds: Iterable[Kind], limits: Mapping[type, tuple[timedelta, str]]) -> None:
    """Compare what an attempt's calls can take, one after the other, with when the attempt is stopped.

    `limits` tells by port the longest that one call can take, and which settings that comes from. Each port that a
    kind's activities ask for counts once, or as often as their attribute `calls` says. Not counted is what cannot be
    known from the settings: a port without a limit, a call that is repeated because it failed, and our own computing.

    Raises TimeLimitsContradict, which names the calls and the settings, those that weigh most first.
    """
    for kind in kinds:
        calls = _calls(kind, limits)
        together = sum((call.longest for call in calls), timedelta())
        stopped = stopped_after(kind.policy.attempt_limit)
        if together >= stopped:
            settings = "; or ".join(dict.fromkeys(call.settings for call in calls))
            raise TimeLimitsContradict(
                f"The calls of an attempt of {kind.name} can take {_seconds(together)} "
                f"({', '.join(call.what for call in calls)}), but it is stopped after {_seconds(stopped)} "
                f"(policy {kind.policy.name}). Lower {settings}."
            )


@dataclass(frozen=True)
class _Calls:
    """Of one port in one attempt."""

    longest: timedelta
    """Together."""
    what: str
    settings: str


def _calls(kind: Kind, limits: Mapping[type, tuple[timedelta, str]]) -> list[_Calls]:
    """Those that take time, the longest first."""
    counts: Mapping[type, int] = getattr(kind.activities, "calls", {})
    found = []
    for port in set(kind.ports_asked().values()) & limits.keys():
        one, settings = limits[port]
        number = counts.get(port, 1)
        what = f"{number} call{'s' if number > 1 else ''} of {port.__name__} of {_seconds(one)}"
        found.append(_Calls(number * one, what, settings))
    return sorted((call for call in found if call.longest), key=lambda call: (-call.longest, call.what))


def _seconds(time: timedelta) -> str:
    return f"{time.total_seconds():g} s"
