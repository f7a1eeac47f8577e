"""Settings of the worker itself: how it ends, how much it takes at a time, which version it is, what it tells."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, PositiveInt, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from adapters.setting_types import Duration


def by_queue(text: str) -> dict[str, float]:
    """Numbers by queue, from `reports:2,notifications:40`. Raises ValueError."""
    found: dict[str, float] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        told = re.fullmatch(r"([a-z][a-z0-9-]*):(\d{1,6}(?:\.\d{1,3})?)", part)
        if told is None or not float(told[2]):
            raise ValueError("must be queues with numbers above zero, such as reports:2,notifications:40")
        if told[1] in found:
            raise ValueError(f"names the queue {told[1]} twice")
        found[told[1]] = float(told[2])
    return found


def _slots(text: str) -> str:
    if any(not number.is_integer() or number < 1 for number in by_queue(text).values()):
        raise ValueError("must be whole numbers from 1 on, such as reports:2,notifications:40")
    return text


_SLOWEST = 0.5
"""Attempts a second: of fewer, one would wait for its turn for longer than its own limit of time has room for."""


def _rates(text: str) -> str:
    if slow := [queue for queue, rate in by_queue(text).items() if rate < _SLOWEST]:
        raise ValueError(f"must be {_SLOWEST} or more, also for {', '.join(slow)}: for less, give the queue one slot")
    return text


class WorkerSettings(BaseSettings):
    """`WORKER_*`: the worker's own."""

    model_config = SettingsConfigDict(env_prefix="WORKER_", frozen=True)

    drain: Duration = timedelta(seconds=30)
    """How long running activities may go on after SIGTERM."""
    startup_wait: Duration = timedelta(seconds=60)
    """How long to wait at the start for Temporal, the database and its schema."""
    slots: Annotated[int, Field(ge=2)] = 40
    """Most jobs of a queue that one process has at work at a time; the rest waits at the server. Fewer of a queue that
    sends mail, by the number of connections (`workflows/slots.py`)."""
    queue_slots: Annotated[str, AfterValidator(_slots)] = ""
    """`reports:2,payments:10`: most jobs of these queues that one process has at work, instead of `slots`."""
    queue_rates: Annotated[str, AfterValidator(_rates)] = ""
    """`payments:20`: most attempts a second that one process begins of these queues' steps."""
    cached_jobs: PositiveInt = 1000
    """Most jobs of a queue that one process keeps in memory while they wait, some 100 kB each."""
    sandbox: bool = False
    """Have the SDK watch workflows for code that cannot be replayed. It costs a quarter of the worker's CPU time, and
    the tests of a kind do it: turn it on for kinds whose tests don't."""
    deployment_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$")] | None = None
    """Of which worker deployment this is a version. Takes jobs only once Temporal is told that it is to."""
    build_id: Annotated[
        Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")] | None, Field(validate_default=True)
    ] = None
    """Which version: another one for each release, the same for all processes of it."""
    http_host: str = "127.0.0.1"
    http_port: Annotated[int, Field(ge=0, le=65535)] = 9090
    """Of `/metrics`, `/healthz` and `/readyz`; process n of several takes port + n; 0 takes any free one."""
    log_format: Annotated[str, Field(pattern="^(json|console)$")] = "json"
    log_level: Annotated[str, Field(pattern="^(DEBUG|INFO|WARNING|ERROR)$")] = "INFO"

    @field_validator("build_id")
    @classmethod
    def _together(cls, build_id: str | None, others: ValidationInfo) -> str | None:
        if (build_id is None) != (others.data.get("deployment_name") is None):
            raise ValueError("goes together with WORKER_DEPLOYMENT_NAME: set both, or neither")
        return build_id

    @property
    def slots_by_queue(self) -> dict[str, int]:
        """`queue_slots`, read."""
        return {queue: int(number) for queue, number in by_queue(self.queue_slots).items()}

    @property
    def rates_by_queue(self) -> dict[str, float]:
        """`queue_rates`, read."""
        return by_queue(self.queue_rates)
