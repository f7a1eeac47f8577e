"""How many jobs of a queue one process has at work, and whether an attempt has the time that its calls can take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from activities.interceptor import stopped_after
from workflows.registry import Kind

_STEPS_PER_CALL = 2
"""One step has the connection, the next one loads its order meanwhile. With later attempts, of which there may be as
many, a call waits for three others at most."""

_TASKS_BETWEEN_STEPS = 8
"""Tasks that are being fetched, replayed and reported. Fewer cost throughput if calls take milliseconds."""

_MIN_TASKS = 2
"""Of Temporal's SDK: one for new jobs, one for those that go on."""

_MAX_PACE_S = 5.0
"""How long steps of a queue whose rate is limited may wait for their turn: they hold their slots meanwhile."""


@dataclass(frozen=True)
class Slots:
    """The most of a queue that one process has at work."""

    tasks: int
    """Workflow tasks; each lasts until its job's local steps are done."""
    steps: int
    """Local tries; and as many attempts of regular activities besides."""


def slots_of(
    queue: str,
    served: Iterable[Kind],
    *,
    most: int,
    at_once: Mapping[type, int],
    rate: float | None = None,
) -> Slots:
    """Slots of one queue. `served` are the kinds of all queues of the process, which share its ports.

    More jobs than the ports serve would wait for a connection here, where their attempts' time runs out, no other
    worker can have them, and the queue's depth does not show them. `most` is the number if no port limits it;
    `at_once` is how many calls a port serves at a time; `rate` is how many steps may begin per second.
    """
    asking: dict[type, set[str]] = {port: set() for port in at_once}
    for kind in served:
        for port in set(kind.ports_asked().values()) & asking.keys():
            asking[port].add(kind.queue)
    shares = [_STEPS_PER_CALL * at_once[port] // len(queues) for port, queues in asking.items() if queue in queues]
    if rate is not None:
        shares.append(int(rate * _MAX_PACE_S))
    steps = max(1, min([most, *shares]))
    tasks = min(most, steps + _TASKS_BETWEEN_STEPS) if shares else most
    return Slots(tasks=max(_MIN_TASKS, tasks), steps=steps)


class TimeLimitsContradict(Exception):
    """The calls of an attempt can take longer than the attempt may."""


def check_time_limits(kinds: Iterable[Kind], limits: Mapping[type, tuple[timedelta, str]]) -> None:
    """Compare how long an attempt's calls can take, one after the other, with when the attempt is stopped.

    A call that is stopped in the middle has an unknown outcome: a mail that was accepted a moment later goes out again.
    `limits` by port: the longest that one call can take, and the settings that determine it. Each port that a kind's
    activities ask for counts once, or as often as their attribute `calls` says.

    Raises TimeLimitsContradict, which names the calls and the settings, those that weigh most first.
    """
    for kind in kinds:
        counts: Mapping[type, int] = getattr(kind.activities, "calls", {})
        ports = [port for port in set(kind.ports_asked().values()) & limits.keys() if limits[port][0]]
        calls = {port: counts.get(port, 1) for port in ports}
        ports.sort(key=lambda port: (-calls[port] * limits[port][0], port.__name__))
        together = sum((calls[port] * limits[port][0] for port in ports), timedelta())
        stopped = stopped_after(kind.policy.attempt_limit)
        if together >= stopped:
            named = ", ".join(
                f"{calls[port]} call{'s' if calls[port] > 1 else ''} of {port.__name__} of {_seconds(limits[port][0])}"
                for port in ports
            )
            settings = "; or ".join(dict.fromkeys(limits[port][1] for port in ports))
            raise TimeLimitsContradict(
                f"The calls of an attempt of {kind.name} can take {_seconds(together)} ({named}), but it is stopped "
                f"after {_seconds(stopped)} (policy {kind.policy.name}). Lower {settings}."
            )


def _seconds(time: timedelta) -> str:
    return f"{time.total_seconds():g} s"
