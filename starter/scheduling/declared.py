"""A schedule as it is declared, and the table of those that a process knows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from pydantic import TypeAdapter, ValidationError
from temporalio import client as sdk
from temporalio.client import ScheduleCalendarSpec, ScheduleOverlapPolicy
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from domain.periods import TimeZone
from domain.requests import JobRequest
from domain.scheduling import ScheduledRequest
from starter.errors import StarterError
from starter.scheduling.calendars import BadCronLine, calendar_text, cron_calendars, numbers
from workflows.kinds import Kind, Registry, add_installed

ENTRY_POINTS = "durable_jobs.schedules"
"""Entry point group by which another package declares schedules of its kinds."""

_SHORTEST_CATCHUP = timedelta(seconds=10)
"""Temporal replaces a shorter one by this."""
_LONGEST_ID = 100
_ZONE: TypeAdapter[str] = TypeAdapter(TimeZone)


class ScheduleDeclarationError(StarterError, type_name="ScheduleDeclarationError"):
    """A schedule has a wrong value, or contradicts another one."""


@dataclass(frozen=True)
class Schedule:
    """Starts a job again and again. Raises ScheduleDeclarationError, which names what to change."""

    id: str
    """Of the schedule in Temporal: `cleanup-sessions`."""
    request: JobRequest
    """What each run is started with. A `ScheduledRequest` has no moment yet: each run gets it from Temporal."""
    cron: str | None = None
    """When it is due: crontab's five fields, or `@daily` and its like."""
    calendar: ScheduleCalendarSpec | Sequence[ScheduleCalendarSpec] = ()
    """Instead of `cron`, for seconds and years: due at the moments of each calendar."""
    every: timedelta | None = None
    """Instead of `cron`: at a steady interval in whole seconds, counted from 1970."""
    time_zone: str | None = None
    """IANA name. None means the shop's (`SCHEDULES_TIME_ZONE`), but UTC if it is due in every hour: when clocks go
    back, Temporal leaves out up to 75 minutes of local time."""
    overlap: ScheduleOverlapPolicy = ScheduleOverlapPolicy.SKIP
    """What happens if the run before is still at work."""
    catchup_window: timedelta = timedelta(hours=1)
    """How late a run may begin after Temporal was away; an older one is counted as missed."""
    jitter: timedelta = timedelta()
    """Each run begins later by a random time up to this."""
    pause_on_failure: bool = False
    """Pause the schedule after a failed run, until an operator unpauses it."""
    note: str = ""
    """For people who look at it."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", self.id) or len(self.id) > _LONGEST_ID:
            raise ScheduleDeclarationError(f"schedule {self.id[:120]!r}: the id is not of the form cleanup-sessions")
        wrong = {
            "give one of cron, calendar and every": [self.cron, self.calendar or None, self.every].count(None) != 2,
            "catchup_window: at least 10 seconds, the shortest that Temporal has": (
                self.catchup_window < _SHORTEST_CATCHUP
            ),
            "every: whole seconds, at least one": (
                self.every is not None and (self.every < timedelta(seconds=1) or self.every.microseconds > 0)
            ),
            "jitter: not below zero": self.jitter < timedelta(),
            "leave out the request's `at`: each run gets its moment from Temporal": (
                isinstance(self.request, ScheduledRequest) and self.request.at is not None
            ),
        }
        for what, is_so in wrong.items():
            if is_so:
                raise self.wrong(what)
        try:
            if self.time_zone is not None:
                _ZONE.validate_python(self.time_zone)
            self.calendars()
        except BadCronLine as exc:
            raise self.wrong(str(exc)) from None
        except ValidationError:
            raise self.wrong(
                f"time zone {self.time_zone!r} is not known: give an IANA name, as Europe/Zurich"
            ) from None

    @property
    def zone(self) -> str:
        """Its time zone; UTC before it is in a table."""
        return self.time_zone or "UTC"

    @property
    def when(self) -> str:
        """For people: `0 3 * * *`."""
        return self.cron or (f"every {self.every}" if self.every else "; ".join(map(calendar_text, self.calendars())))

    @property
    def workflow_id(self) -> str:
        """To which Temporal appends each run's time. With the schedule's id: a kind can have several."""
        return f"{self.request.kind}/{self.id}"

    def calendars(self) -> Sequence[ScheduleCalendarSpec]:
        """Return its calendars. Raises BadCronLine."""
        if self.cron is not None:
            return cron_calendars(self.cron)
        return (self.calendar,) if isinstance(self.calendar, ScheduleCalendarSpec) else self.calendar

    def in_zone(self, shops: str) -> Schedule:
        """Return it with its time zone, and the request in the shop's unless one of the two names another."""
        request = self.request
        if isinstance(request, ScheduledRequest):
            request = request.in_zone(self.time_zone or shops)
        in_every_hour = any(len(numbers(calendar.hour)) == 24 for calendar in self.calendars())
        return replace(self, time_zone=self.time_zone or ("UTC" if in_every_hour else shops), request=request)

    def for_temporal(self, kind: Kind) -> sdk.Schedule:
        """Return it as Temporal is to have it. A run is started with what an ordinary start would give it."""
        ids = [SearchAttributePair(SearchAttributeKey.for_keyword(name), ref) for name, ref in self.request.ids.items()]
        return sdk.Schedule(
            action=sdk.ScheduleActionStartWorkflow(
                kind.workflow_type,
                self.request,
                id=self.workflow_id,
                task_queue=kind.queue,
                # Neither a retry of the run nor time limits of it: its steps have theirs, as in any start.
                typed_search_attributes=TypedSearchAttributes(ids),
                static_summary=f"{self.request.kind.replace('-', ' ').capitalize()} by schedule {self.id}",
                static_details=self.note or None,
            ),
            # Calendars and no cron line: Temporal reports the former as they were sent, and the latter as calendars.
            spec=sdk.ScheduleSpec(
                calendars=self.calendars(),
                intervals=[sdk.ScheduleIntervalSpec(self.every)] if self.every is not None else [],
                jitter=self.jitter or None,
                time_zone_name=self.zone,
            ),
            policy=sdk.SchedulePolicy(
                overlap=self.overlap, catchup_window=self.catchup_window, pause_on_failure=self.pause_on_failure
            ),
            state=sdk.ScheduleState(note=self.note or None),
        )

    def wrong(self, what: str) -> ScheduleDeclarationError:
        """Return the error to raise, with its id."""
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
        """Add a row. Raises ScheduleDeclarationError if its id is taken, or its kind has no row."""
        if schedule.id in self._schedules:
            raise schedule.wrong("is declared twice: rename one of them")
        try:
            self._kinds.of(schedule.request)
        except LookupError as exc:
            raise schedule.wrong(f"{exc.args[0]}. Add the kind's row to workflows/registry.py") from None
        self._schedules[schedule.id] = schedule.in_zone(self._time_zone)

    def load_installed(self) -> None:
        """Add those of installed packages (entry points of the group `durable_jobs.schedules`).

        Raises ScheduleDeclarationError that names the entry point if one of them cannot be used.
        """
        add_installed(group=ENTRY_POINTS, row=Schedule, add=self.add, error=ScheduleDeclarationError)

    def for_temporal(self, schedule: Schedule) -> sdk.Schedule:
        """Return one of its schedules as Temporal is to have it."""
        return schedule.for_temporal(self._kinds.of(schedule.request))

    def get(self, schedule_id: str) -> Schedule | None:
        """Return a schedule by its id."""
        return self._schedules.get(schedule_id)

    @property
    def ids(self) -> list[str]:
        """Of all of them, sorted."""
        return sorted(self._schedules)

    def __iter__(self) -> Iterator[Schedule]:
        return iter([self._schedules[each] for each in self.ids])

    def __len__(self) -> int:
        return len(self._schedules)
