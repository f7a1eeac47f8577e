"""How many jobs of a queue one process has at work: as many as the outside world serves at a time.

A mail server that needs two seconds a mail serves two a second over four connections. More jobs than that would only
wait in here for one of the connections, where their attempt's time runs out, no other worker can have them, and the
queue's depth does not show them. So the queue of a kind whose port serves few calls at a time has few jobs at work, and
the rest waits at the server.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from workflows.registry import Kind

_STEPS_A_CALL = 2
"""One step has the connection, the next one loads its order meanwhile. With later attempts, of which there may be as
many, a call waits for three others at most."""

_ON_THE_WAY = 8
"""Tasks whose step does not run: they are being fetched, replayed and reported. Fewer cost throughput where calls take
milliseconds; their steps wait in here, but no attempt of theirs has begun."""

_FEWEST_TASKS = 2
"""Of Temporal's SDK: one for new jobs, one for those that go on."""


@dataclass(frozen=True)
class Slots:
    """Most of a queue that one process has at work."""

    tasks: int
    """Workflow tasks; each lasts until its job's local steps are done."""
    steps: int
    """Local tries; and as many attempts of regular activities besides."""


_LONGEST_PACE = 5.0
"""Seconds that steps of a queue whose rate is limited wait for their turn, at most: they hold their slots meanwhile."""


def slots_of(
    queue: str,
    served: Iterable[Kind],
    *,
    most: int,
    at_once: Mapping[type, int],
    rate: float | None = None,
) -> Slots:
    """Slots of one queue. `served` are the kinds of all queues of the process, which share its ports.

    `most` is the number where no port limits it; `at_once` tells by port how many calls it serves at a time;
    `rate` is how many steps may begin a second.
    """
    asking: dict[type, set[str]] = {port: set() for port in at_once}
    for kind in served:
        for port in set(kind.ports_asked().values()) & asking.keys():
            asking[port].add(kind.queue)
    shares = [_STEPS_A_CALL * at_once[port] // len(queues) for port, queues in asking.items() if queue in queues]
    if rate is not None:
        shares.append(int(rate * _LONGEST_PACE))
    steps = max(1, min([most, *shares]))
    tasks = min(most, steps + _ON_THE_WAY) if shares else most
    return Slots(tasks=max(_FEWEST_TASKS, tasks), steps=steps)
