"""A schedule as it is declared, and the table of those that a process knows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib.metadata import entry_points
from typing import ClassVar

from pydantic import TypeAdapter, ValidationError
from temporalio.client import ScheduleCalendarSpec, ScheduleOverlapPolicy

from domain.requests import JobRequest
from domain.scheduling import ScheduledRequest
from domain.time_zones import TimeZone
from starter.errors import StarterError
from starter.scheduling.calendars import BadTime, Calendar, from_cron, numbers
from workflows.registry import Kind, Registry

ENTRY_POINTS = "durable_jobs.schedules"
"""Entry point group by which another package declares schedules of its kinds."""

_SHORTEST_CATCHUP = timedelta(seconds=10)
"""Temporal takes a shorter one for this."""
_EVERY_HOUR = set(range(24))
_ZONE: TypeAdapter[str] = TypeAdapter(TimeZone)


class ScheduleDeclarationError(StarterError, type_name="ScheduleDeclarationError"):
    """A schedule is declared in a way that cannot be meant, or contradicts another one."""


@dataclass(frozen=True)
class Schedule:
    """Starts a job again and again. Raises ScheduleDeclarationError, naming what to change."""

    id: str
    """Of the schedule in Temporal: `cleanup-sessions`."""
    request: JobRequest
    """What each run is started with. A `ScheduledRequest` stays without its moment, which Temporal tells each run."""
    cron: str | None = None
    """When it is due: crontab's five fields, or `@daily` and its like."""
    calendar: Calendar | Sequence[Calendar] = ()
    """Instead of `cron`; due at the moments of each of them."""
    every: timedelta | None = None
    """Instead of `cron`: at a steady interval in whole seconds, counted from 1970."""
    time_zone: str | None = None
    """IANA name; None for that of the shop (`SCHEDULES_TIME_ZONE`), and for UTC where it is due in every hour: when
    clocks go back, Temporal leaves out up to 75 minutes of local time."""
    overlap: ScheduleOverlapPolicy = ScheduleOverlapPolicy.SKIP
    """What happens where the run before is still at work."""
    catchup_window: timedelta = timedelta(hours=1)
    """How late a run may begin after Temporal was away; what is older is counted as missed."""
    jitter: timedelta = timedelta()
    """Each run begins up to so much later, by chance."""
    pause_on_failure: bool = False
    """Stop the schedule once a run has failed, until someone unpauses it."""
    note: str = ""
    """For people who look at it."""

    longest_id: ClassVar[int] = 100

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", self.id) or len(self.id) > self.longest_id:
            raise ScheduleDeclarationError(f"schedule {self.id[:120]!r}: the id is not of the form cleanup-sessions")
        if [self.cron is not None, bool(self.calendars), self.every is not None].count(True) != 1:
            raise self.wrong("give one of cron, calendar and every")
        if self.time_zone is not None:
            try:
                _ZONE.validate_python(self.time_zone)
            except ValidationError:
                raise self.wrong(
                    f"time zone {self.time_zone!r} is not known: give an IANA name, as Europe/Zurich"
                ) from None
        if self.catchup_window < _SHORTEST_CATCHUP:
            raise self.wrong("catchup_window: at least 10 seconds, the shortest that Temporal has")
        if self.every is not None and (self.every < timedelta(seconds=1) or self.every.microseconds):
            raise self.wrong("every: whole seconds, at least one")
        if self.jitter < timedelta():
            raise self.wrong("jitter: not below zero")
        if isinstance(self.request, ScheduledRequest) and self.request.at is not None:
            raise self.wrong("leave out the request's `at`: each run gets its moment from Temporal")
        try:
            self.specs()
        except BadTime as exc:
            raise self.wrong(str(exc)) from None

    @property
    def calendars(self) -> tuple[Calendar, ...]:
        """Those that were given by themselves."""
        return (self.calendar,) if isinstance(self.calendar, Calendar) else tuple(self.calendar)

    @property
    def zone(self) -> str:
        """Its time zone; UTC for one that is not of a table yet."""
        return self.time_zone or "UTC"

    @property
    def when(self) -> str:
        """For people: `0 3 * * *`."""
        if self.cron is not None:
            return self.cron
        if self.every is not None:
            return f"every {self.every}"
        return "; ".join(str(calendar) for calendar in self.calendars)

    @property
    def workflow_id(self) -> str:
        """To which Temporal appends each run's time. With the schedule's id: a kind can have several."""
        return f"{self.request.kind}/{self.id}"

    def specs(self) -> list[ScheduleCalendarSpec]:
        """Its calendars as Temporal takes them. Raises BadTime."""
        given = [from_cron(self.cron)] if self.cron is not None else self.calendars
        return [calendar.spec() for calendar in given]

    def in_zone(self, shops: str) -> Schedule:
        """With its time zone told, and the request in the shop's unless one of the two names another."""
        request = self.request
        if isinstance(request, ScheduledRequest):
            request = request.in_zone(self.time_zone or shops)
        return replace(self, time_zone=self.time_zone or ("UTC" if self._in_every_hour else shops), request=request)

    @property
    def _in_every_hour(self) -> bool:
        return any(numbers(spec.hour) == _EVERY_HOUR for spec in self.specs())

    def wrong(self, what: str) -> ScheduleDeclarationError:
        """The error to raise, with its id."""
        return ScheduleDeclarationError(f"schedule {self.id!r}: {what}")


class ScheduleTable:
    """The schedules of this process, each with its time zone and its kind."""

    def __init__(self, schedules: Iterable[Schedule], kinds: Registry, *, time_zone: str = "UTC") -> None:
        """`time_zone`: of those that name none. Raises ScheduleDeclarationError."""
        self._kinds = kinds
        self._time_zone = time_zone
        self._schedules: dict[str, Schedule] = {}
        for schedule in schedules:
            self.add(schedule)

    def add(self, schedule: Schedule) -> None:
        """Add a row. Raises ScheduleDeclarationError where its id is taken, or its kind has no row."""
        if schedule.id in self._schedules:
            raise schedule.wrong("is declared twice: rename one of them")
        try:
            self._kinds.of(schedule.request)
        except LookupError as exc:
            raise schedule.wrong(f"{exc.args[0]}. Add the kind's row to workflows/registry.py") from None
        self._schedules[schedule.id] = schedule.in_zone(self._time_zone)

    def load_installed(self) -> None:
        """Add those of installed packages (entry points of the group `durable_jobs.schedules`).

        Raises ScheduleDeclarationError that names the entry point where one of them cannot be used.
        """
        for point in entry_points(group=ENTRY_POINTS):
            where = f"entry point {point.name} = {point.value}" + (f" of {point.dist.name}" if point.dist else "")
            try:
                loaded = point.load()
                for row in loaded if isinstance(loaded, Iterable) else [loaded]:
                    if not isinstance(row, Schedule):
                        raise ScheduleDeclarationError("it is no starter.schedules.Schedule")  # noqa: TRY301  # named just below
                    self.add(row)
            except Exception as exc:  # whatever the other package does when it is imported
                raise ScheduleDeclarationError(f"{where}: {type(exc).__name__}: {exc}") from exc

    def kind_of(self, schedule: Schedule) -> Kind:
        """The row of what it starts."""
        return self._kinds.of(schedule.request)

    def get(self, schedule_id: str) -> Schedule:
        """By its id. Raises LookupError that names the known ones."""
        if schedule_id not in self._schedules:
            raise LookupError(f"there is no schedule {schedule_id[:60]!r}; there are: {', '.join(self.ids)}")
        return self._schedules[schedule_id]

    @property
    def ids(self) -> list[str]:
        """Of all of them, sorted."""
        return sorted(self._schedules)

    def __iter__(self) -> Iterator[Schedule]:
        return iter(sorted(self._schedules.values(), key=lambda schedule: schedule.id))

    def __len__(self) -> int:
        return len(self._schedules)
