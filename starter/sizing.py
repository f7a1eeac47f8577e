"""How large an installation must be for so many jobs a second, from what a confirmation was measured to cost.

Plain arithmetic: what is measured stands in `sizing.json`, what is a rule of thumb stands here and says so. Everything
is rounded up. It is where to begin, not what to end with: measure with jobs of your own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from math import ceil
from typing import Any

COSTS: dict[str, Any] = json.loads(files("starter").joinpath("sizing.json").read_text(encoding="utf-8"))

CONNECTIONS_OF_A_PROCESS = 23
"""DATABASE_CONNECTIONS (10), the outbox's relay (OUTBOX_BATCHES + 1) and its listener, a probe, reports (6)."""
OUTBOX_RATE = 500
"""Starts a second of one process's relay, as `OUTBOX_RATE` has it."""
_LEAST_PROCESSES = 2  # one of them may be away
_USUAL_LOAD = 0.6
_LOWEST_LOAD, _HIGHEST_LOAD = 0.2, 0.8
_TASKS_OF_A_PARTITION = 500  # a rule of thumb: tasks a second that one partition of a task queue hands out
_SHARD_BUSY, _WRITE_SECONDS = 0.05, 0.005  # rules of thumb: a shard writes one thing at a time, 5 ms on a database
_LEAST_PARTITIONS, _LEAST_SHARDS = 4, 512  # Temporal's own defaults
_DAY = 86_400


@dataclass(frozen=True)
class Load:
    """What is asked for. Rates are a second, at the busiest moment unless it says otherwise."""

    jobs: float
    average: float | None = None
    """Over a day; without it, as at the busiest moment."""
    mails: float = 1.0
    """Share of jobs that send a mail."""
    mail_seconds: float = 0.1
    """How long the mail server takes for one."""
    retried: float = 0.01
    """Share of jobs whose step needs a second attempt."""
    p95: float | None = None
    """Seconds within which 95 of 100 jobs are to be done; without it, cores are to be busy for 60 %."""
    retention_days: float = 30


@dataclass(frozen=True)
class Size:
    """What it takes."""

    load: float
    """How busy cores may be."""
    worker_processes: int
    worker_cores: int
    temporal_cores: int
    smtp_connections: int
    """Of each process."""
    pollers: int
    """Most of each process and queue."""
    database_connections: int
    outbox_relays: int
    """At least; there is one in each worker process."""
    history_shards: int
    partitions: int
    gb_a_day: float
    gb_kept: float
    actions_of_a_job: float

    def cloud_dollars(self, price: float) -> float:
        """For a million jobs: actions alone."""
        return self.actions_of_a_job * price


def size(load: Load, *, slots: int = 40) -> Size:
    """Work it out. `slots`: WORKER_SLOTS. Raises ValueError where no number of cores can be that fast."""
    busy = _busy(load.p95)
    cores = ceil(load.jobs * COSTS["worker_cpu_ms"] / 1000 / busy)
    relays = ceil(load.jobs / OUTBOX_RATE)
    processes = max(_LEAST_PROCESSES, cores, relays)
    tasks = load.jobs * (1 + 2 * load.retried)
    writes = tasks * COSTS["writes"]
    bytes_each = COSTS["history_bytes"] + load.retried * (COSTS["retried_history_bytes"] - COSTS["history_bytes"])
    daily = (load.jobs if load.average is None else load.average) * _DAY * bytes_each / 1e9
    return Size(
        load=busy,
        worker_processes=processes,
        worker_cores=max(cores, 1),
        temporal_cores=max(ceil(load.jobs * COSTS["temporal_cpu_ms"] / 1000 / busy), 1),
        smtp_connections=max(ceil(load.jobs * load.mails * load.mail_seconds / busy / processes), 1),
        pollers=max(2, slots // 4),
        database_connections=processes * CONNECTIONS_OF_A_PROCESS,
        outbox_relays=relays,
        history_shards=max(_LEAST_SHARDS, _power_of_two(ceil(writes * _WRITE_SECONDS / _SHARD_BUSY))),
        partitions=max(_LEAST_PARTITIONS, ceil(tasks / _TASKS_OF_A_PARTITION)),
        gb_a_day=daily,
        gb_kept=daily * load.retention_days,
        actions_of_a_job=COSTS["actions"] + load.retried * (COSTS["retried_actions"] - COSTS["actions"]),
    )


def _busy(p95: float | None) -> float:
    """Of a queue with random arrivals 95 of 100 are done within three times the mean, which is job / (1 - load)."""
    if p95 is None:
        return _USUAL_LOAD
    busy: float = 1 - 3 * COSTS["job_ms"] / 1000 / p95
    if busy < _LOWEST_LOAD:
        least = 3 * COSTS["job_ms"] / 1000 / (1 - _LOWEST_LOAD)
        raise ValueError(f"a job takes {COSTS['job_ms']} ms by itself: {least:.3f} s is the least to plan for")
    return min(busy, _HIGHEST_LOAD)


def _power_of_two(number: int) -> int:
    return 1 << max(number - 1, 0).bit_length()
