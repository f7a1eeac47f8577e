"""When a schedule is due: crontab lines as Temporal's calendars, and calendars as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from cronsim import CronSim, CronSimError
from temporalio.api.schedule.v1 import IntervalSpec, Range, ScheduleSpec, StructuredCalendarSpec
from temporalio.client import ScheduleCalendarSpec, ScheduleRange

_SHORTHANDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_DAYS, _WEEK = range(1, 32), range(7)
_FIELDS = {
    "minute": range(60),
    "hour": range(24),
    "day_of_month": _DAYS,
    "month": range(1, 13),
    "day_of_week": _WEEK,
}


class BadCronLine(ValueError):
    """A crontab line that no schedule can have."""


def cron_calendars(line: str) -> list[ScheduleCalendarSpec]:
    """Return the calendars of a crontab's five fields, or of `@daily` and its like.

    There are two if a line names both days: a crontab then runs when either matches, a calendar when both do. Raises
    BadCronLine.
    """
    fields = _SHORTHANDS.get(line.strip(), line).split()
    if len(fields) != 5:
        raise BadCronLine(
            f"cron {line!r} does not have the five fields minute, hour, day of month, month, day of week: leave out "
            f"the second that Spring and node-cron begin with, or give a calendar"
        )
    try:
        cron = CronSim(" ".join(fields), datetime(2000, 1, 1))  # noqa: DTZ001  # only its fields are read
        week = {int(day) % 7 for day in cron.weekdays}  # type: ignore[arg-type]  # a pair for MON#1
        days = sorted(cron.days)
    except CronSimError as exc:
        raise BadCronLine(f"cron {line!r}: {str(exc).lower()}") from None
    except TypeError:
        raise BadCronLine(f"cron {line!r}: Temporal has neither L nor # in the day-of-week") from None
    if days[0] < 1:
        raise BadCronLine(f"cron {line!r}: Temporal has no L in the day-of-month")
    both = [(days, week)] if cron.day_and else [(days, _WEEK), (_DAYS, week)]
    return [
        ScheduleCalendarSpec(
            minute=_ranges(cron.minutes),
            hour=_ranges(cron.hours),
            day_of_month=_ranges(of_month),
            month=_ranges(cron.months),
            day_of_week=_ranges(of_week),
        )
        for of_month, of_week in both
    ]


def numbers(ranges: Iterable[ScheduleRange | Range]) -> list[int]:
    """Return all numbers that match, sorted."""
    return sorted({n for each in ranges for n in range(each.start, max(each.start, each.end) + 1, each.step or 1)})


def due(spec: ScheduleSpec) -> str:
    """Return when a schedule is due, in a crontab's form: `0 3 * * *`. Equal texts mean equal moments."""
    intervals = map(_interval, spec.interval)
    return "; ".join(sorted({*map(calendar_text, spec.structured_calendar), *intervals, *spec.cron_string}))


def calendar_text(calendar: ScheduleCalendarSpec | StructuredCalendarSpec) -> str:
    """Return a calendar in a crontab's form; the seconds and years follow if there are any."""
    text = " ".join(_text(numbers(getattr(calendar, name)), values) for name, values in _FIELDS.items())
    if (seconds := numbers(calendar.second)) != [0]:
        text += f" second {_text(seconds, range(60))}"
    if calendar.year:
        text += f" year {_text(numbers(calendar.year), range(0))}"
    return text


def _interval(spec: IntervalSpec) -> str:
    phase = spec.phase.ToTimedelta()
    return f"every {spec.interval.ToTimedelta()}" + (f" and {phase}" if phase else "")


def _step(values: Sequence[int]) -> int:
    """Return the distance between evenly spaced numbers; 0 if they are not."""
    step = values[1] - values[0] if len(values) > 1 else 0
    return step if step and list(values) == list(range(values[0], values[-1] + 1, step)) else 0


def _ranges(values: Iterable[int]) -> list[ScheduleRange]:
    ordered = sorted(values)
    if step := _step(ordered):
        return [ScheduleRange(ordered[0], ordered[-1], step)]
    return [ScheduleRange(each) for each in ordered]


def _text(values: Sequence[int], every: range) -> str:
    step = _step(values)
    whole = step and list(values) == list(every[::step])
    if not step or (len(values) == 2 and step > 1 and not whole):
        return ",".join(map(str, values))
    span = "*" if whole else f"{values[0]}-{values[-1]}"
    return span if step == 1 else f"{span}/{step}"
