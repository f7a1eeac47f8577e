"""What was started in a test, and the assertions about it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import EllipsisType
from typing import Any

from domain.requests import JobRequest
from starter.queries import JobFilter
from starter.status import JobSummary

Which = JobRequest | type[JobRequest]


@dataclass(frozen=True)
class StartedJob:
    """A job that was started, and how."""

    request: JobRequest
    delay: timedelta | None = None
    priority: int | None = None
    fairness_key: str | None = None
    restart: bool = False

    @property
    def id(self) -> str:
        """The job's id, `order-confirmation/1042`."""
        return self.request.workflow_id

    def __str__(self) -> str:
        return f"{self.id}{_with(self.options)}"

    @property
    def options(self) -> dict[str, Any]:
        """Those that were given."""
        options = {
            "delay": self.delay,
            "priority": self.priority,
            "fairness_key": self.fairness_key,
            "restart": self.restart or None,
        }
        return {name: value for name, value in options.items() if value is not None}

    def fits(self, which: Which, options: dict[str, Any]) -> bool:
        """Whether it is the one, or one of the kind, and was started with these options."""
        one = isinstance(self.request, which) if isinstance(which, type) else self.request == which
        return one and all(getattr(self, name) == value for name, value in options.items())


class Assertions(ABC):
    """Assertions about the jobs that were started; each tells in its message which were."""

    @property
    @abstractmethod
    def started(self) -> list[StartedJob]:
        """Jobs that were started, in their order; a second start of the same job is none."""

    def assert_started(
        self,
        which: Which,
        *,
        times: int | None = None,
        delay: timedelta | EllipsisType | None = ...,
        priority: int | EllipsisType | None = ...,
        fairness_key: str | EllipsisType | None = ...,
        restart: bool | EllipsisType = ...,
    ) -> None:
        """Assert that this job, or one of this kind, was started, with these options where they are given.

        `times` is how often exactly; else once or more. `delay=None` asks for none. Raises AssertionError.
        """
        __tracebackhide__ = True
        asked = {"delay": delay, "priority": priority, "fairness_key": fairness_key, "restart": restart}
        options = {name: value for name, value in asked.items() if value is not ...}
        count = len(self._fitting(which, options))
        if count == times or (times is None and count):
            return
        what = f"{_name(which)}{_with(options)}"
        if times is None and options and self._fitting(which, {}):
            raise AssertionError(f"{_name(which)} was started, but not{_with(options)}. {told(self.started)}")
        if times is None:
            raise AssertionError(f"{what} was not started. {told(self.started)}")
        raise AssertionError(f"{what} was started {_times(count)}, not {_times(times)}. {told(self.started)}")

    def assert_not_started(self, which: Which) -> None:
        """Assert that this job, or any of this kind, was not started. Raises AssertionError."""
        __tracebackhide__ = True
        if self._fitting(which, {}):
            raise AssertionError(f"{_name(which)} was started. {told(self.started)}")

    def assert_nothing_started(self) -> None:
        """Assert that no job was started. Raises AssertionError."""
        __tracebackhide__ = True
        if self.started:
            raise AssertionError(told(self.started))

    def _fitting(self, which: Which, options: dict[str, Any]) -> Sequence[StartedJob]:
        return [job for job in self.started if job.fits(which, options)]


def told(started: Sequence[StartedJob]) -> str:
    """What was started, for a message."""
    return "\n  ".join(["Started were:", *map(str, started)]) if started else "Nothing was started."


def _name(which: Which) -> str:
    return f"A job of kind {which.kind}" if isinstance(which, type) else which.workflow_id


def _with(options: dict[str, Any]) -> str:
    return f" with {', '.join(f'{name} {value}' for name, value in options.items())}" if options else ""


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")


def fits(job: JobSummary, where: JobFilter) -> bool:
    """Whether a list by this filter shows it."""
    now = datetime.now(UTC)
    return (
        where.kind in (None, job.kind)
        and where.state in (None, job.state)
        and where.error_type in (None, job.error_type)
        and (where.older_than is None or job.started_at < now - where.older_than)
        and (where.newer_than is None or job.started_at > now - where.newer_than)
        and where.ids.items() <= job.ids.items()
    )
