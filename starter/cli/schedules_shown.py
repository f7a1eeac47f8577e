"""How `jobs schedules` shows what it found and did."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from rich.text import Text

from starter.cli.durations import duration, moment
from starter.cli.output import Output, state_text
from starter.scheduling.applying import Application, Applied
from starter.scheduling.coming import ComingRun
from starter.scheduling.drift import Drift, DriftState
from starter.scheduling.looking import ScheduleStatus
from starter.scheduling.problems import ScheduledRunSeen

_SAID = {
    DriftState.added: "is declared, and not in Temporal",
    DriftState.changed: "is not as declared",
    DriftState.gone: "is ours in Temporal, and declared no more",
    DriftState.foreign: "is in Temporal, and is not ours",
}
_DONE = {
    Applied.unchanged: "as declared already",
    Applied.created: "created",
    Applied.updated: "changed",
    Applied.adopted: "adopted",
    Applied.removed: "removed",
    Applied.kept: "declared no more; --prune would remove it",
    Applied.refused: "there is one of this id that is not ours; --adopt would take it over",
}
_CHANGING = (Applied.created, Applied.updated, Applied.adopted, Applied.removed)


def drift(found: Sequence[Drift], out: Output) -> None:
    """What differs, field by field; paused ones are named."""
    out.document([each.model_dump(mode="json") for each in found])
    for each in found:
        if each.state is not DriftState.same:
            out.say(f"{each.id} {_SAID[each.state]}")
            _changes(each, out)
        if each.paused:
            out.say(f"{each.id} is paused{_why(each.note)}")
    states = {each.state for each in found}
    if states <= {DriftState.same}:
        out.say("No differences." if found else "No schedules are declared, and there are none of ours.")
        return
    if states & {DriftState.added, DriftState.changed}:
        out.note("`jobs schedules apply` makes Temporal have what is declared.")
    if DriftState.gone in states:
        out.note("`jobs schedules apply --prune` removes what is declared no more.")
    if DriftState.foreign in states:
        out.note("What is not ours is left alone: rename one of the two, or `jobs schedules apply --adopt`.")


def applied(done: Sequence[Application], out: Output, *, dry_run: bool) -> None:
    """What was done to each schedule."""
    out.document([{**each.model_dump(mode="json"), "dry_run": dry_run} for each in done])
    for each in done:
        would = "would be " if dry_run and each.done in _CHANGING else ""
        out.say(f"{each.id}: {would}{_DONE[each.done]}")
        if each.done in (Applied.updated, Applied.adopted):
            _changes(each.drift, out)
        if each.drift.paused and each.done is not Applied.removed:
            out.say(f"  stays paused{_why(each.drift.note)}")
    if not done:
        out.note("No schedules are declared, and there are none of ours.")


def listed(found: Sequence[ScheduleStatus], out: Output) -> None:
    """A table, and what is wrong."""
    out.document([each.model_dump(mode="json") for each in found])
    if out.as_json:
        return
    if not found:
        out.note("No schedules are declared, and there are none of ours.")
        return
    columns = ("schedule", "due", "state", "last run", "next run", "runs", "skipped", "missed")
    out.table(columns, [_row(each) for each in found])
    for each in found:
        if each.state == "paused":
            since = f", has left out {each.left_out} since {moment(each.left_out_since)}" if each.left_out_since else ""
            out.say(f"{each.id} is paused{_why(each.note)}{since}")
        for problem in each.problems:
            out.say(Text.assemble((f"{each.id} {problem.name}: ", "bold red"), out.callable(problem.message)))


def coming(found: Sequence[ComingRun], out: Output) -> None:
    """The runs that are to be, soonest first."""
    out.document([each.model_dump(mode="json") for each in found])
    if found and not out.as_json:
        now = datetime.now(UTC)
        columns = ("schedule", "local time", "time zone", "UTC", "in")
        out.table(columns, [_coming_row(each, now) for each in found])


def _row(status: ScheduleStatus) -> list[str | Text]:
    return [
        status.id,
        f"{status.due} ({status.time_zone})",
        Text(
            status.state + ("" if status.declared else ", declared no more"),
            style="" if status.state == "active" and status.declared else "yellow",
        ),
        _last(status.last_run),
        moment(status.next_run) if status.next_run else "",
        str(status.runs),
        str(status.skipped),
        str(status.missed),
    ]


def _last(run: ScheduledRunSeen | None) -> Text:
    if run is None:
        return Text("none yet")
    state = state_text(run.state) if run.state else Text("not kept any more")
    error = f" {run.error_type}" if run.error_type else ""
    ago = duration(datetime.now(UTC) - run.started_at)
    return Text.assemble(state, error, f" {ago} ago", style=f"link {run.web_ui}" if run.web_ui else "")


def _coming_row(run: ComingRun, now: datetime) -> list[str | Text]:
    away = max(run.at - now, timedelta())
    return [
        run.id,
        f"{run.local:%a %Y-%m-%d %H:%M:%S %Z}",
        run.time_zone,
        f"{run.at:%Y-%m-%d %H:%M:%S}",
        duration(away) + (", were it not paused" if run.paused else ""),
    ]


def _changes(of: Drift, out: Output) -> None:
    for change in of.changes:
        declared = change.declared if change.declared is not None else "(none)"
        if of.state is DriftState.added:
            out.say(f"  {change.field}: {declared}")
        else:
            out.say(f"  {change.field}: {change.is_now if change.is_now is not None else '(none)'} → {declared}")


def _why(note: str) -> str:
    return f": {note}" if note else ""
