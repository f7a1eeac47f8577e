"""`jobs dead show`: all that is known of one dead letter, and what can be done about it."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.text import Text

from domain.dead_letters import WAITING, DeadRun, DeathCause, Letter, LetterAction, LetterFilter
from starter.cli import dead_shown as shown
from starter.cli.dead_letters import dead_letters
from starter.cli.durations import moment
from starter.cli.links import Links
from starter.cli.output import AsJson, Output
from starter.cli.running import run
from starter.connection import connect
from starter.errors import StarterError
from starter.queries import quoted
from starter.redriving.choosing import named
from starter.redriving.looking import Prospect, RunForgotten, Verdict, history_of, look
from starter.redriving.story import Attempt, attempts
from workflows.registry import Registry


def add_to(group: typer.Typer, kinds: Registry, out: Output) -> None:
    """Add the command."""

    @group.command(epilog=out.examples("dead show 17", "dead show order-confirmation/1042"))
    def show(
        letter: Annotated[
            str,
            typer.Argument(
                metavar="ID", show_default=False, help="A letter's number, or its job: order-confirmation/1042."
            ),
        ],
        as_json: AsJson = False,  # noqa: ARG001  # `out` has it
    ) -> int:
        """Show all that is known of a dead letter, and what helps.

        Its request and error, its attempts as far as history has kept them, what a redrive would do, what people did
        about it, its links and commands. Where Temporal is away, what the database knows is shown all the same.
        """
        return run(_show(letter, kinds, out))


async def _show(name: str, kinds: Registry, out: Output) -> int:
    async with dead_letters() as letters:
        found = await named(letters, [name])
        if not found.letters:
            return out.fail(
                "LetterNotFound", f"{name[:200]} has no letter. `jobs dead list` shows those that are there."
            )
        [letter] = found.letters
        actions = await letters.actions(letter.id)
        alike = await letters.count(LetterFilter(fingerprint=letter.fingerprint, states=WAITING))
    story: list[Attempt] | None = None
    prospect: Prospect | None = None
    problem: str | None = None
    try:
        client = await connect()
        prospect = await look(client, letter, kinds)
        events = await history_of(client, letter.run.workflow_id, letter.run.run_id)
        step = letter.run.step or (prospect.point.step if prospect.point else None)
        story = attempts(events, step) if step else []
    except RunForgotten:
        problem = "Temporal has no history of the run any more."
    except StarterError as exc:
        problem = str(exc)
    links = Links()
    out.document(
        {
            **shown.document(letter, links),
            "attempts_kept": None if story is None else [each.model_dump(mode="json") for each in story],
            "prospect": _prospect(prospect),
            "actions": [action.model_dump(mode="json") for action in actions],
            "group_waiting": alike,
            "problem": problem,
        }
    )
    if not out.as_json:
        _say(letter, prospect, story, actions, alike, links, out)
        if problem:
            out.note(f"Its history cannot be shown. {problem}")
    return 0


def _prospect(prospect: Prospect | None) -> dict[str, Any] | None:
    if prospect is None:
        return None
    point = prospect.point
    return {
        "verdict": prospect.verdict,
        "why": prospect.why,
        "event_id": point.event_id if point else None,
        "kept": list(point.kept) if point else [],
        "runs_again": list(point.again) if point else [],
    }


def _say(
    letter: Letter,
    prospect: Prospect | None,
    story: Sequence[Attempt] | None,
    actions: Sequence[LetterAction],
    alike: int,
    links: Links,
    out: Output,
) -> None:
    run = letter.run
    lines: list[tuple[str, str | Text]] = [
        ("letter", Text(str(letter.id), style="bold")),
        ("job", Text(shown.visible(run.workflow_id), style="bold")),
        ("state", shown.state_text(letter.state)),
        ("request", _request(run)),
        ("queue", run.queue),
        ("died", f"{run.cause}, {moment(run.failed_at)}"),
        ("error", shown.visible(f"{run.error_type}: {run.message}" if run.message else run.error_type)),
    ]
    if run.step:
        tried = f", after {run.attempts} {'attempt' if run.attempts == 1 else 'attempts'}" if run.attempts else ""
        lines.append(("step", f"{run.step}{tried}"))
    others = f": {alike} such letters wait" if alike > 1 else ""
    lines.append(("group", f"{letter.fingerprint}{others}"))
    if prospect:
        lines.append(("now", f"{prospect.verdict}: {prospect.why}"))
        if prospect.point:
            lines.append(("kept", _counts(prospect.point.kept) or "nothing had ended before"))
            lines.append(("runs again", ", ".join(prospect.point.again) or "its last task"))
    query = f"ErrorType={quoted(run.error_type)} AND ExecutionStatus='Failed'"
    lines += [("run", run.run_id), ("link", links.run(run.workflow_id, run.run_id))]
    if run.cause is DeathCause.failed:
        lines.append(("same error", links.query(query)))
    out.details(lines)
    if story:
        out.say()
        out.table(("attempt", "ended", "error"), [_attempt_row(each) for each in story])
    if actions:
        out.say()
        out.table(("when", "who", "what", "note"), [shown.action_row(action) for action in actions])
    out.say()
    for what, command in _commands(letter, prospect, alike):
        out.say(f"{what}: {out.program} {command}")
    if prospect and prospect.point:
        out.say(f"The same without `jobs`: {_by_hand(letter, prospect.point.event_id)}")


def _request(run: DeadRun) -> str:
    if run.request is not None:
        return json.dumps(run.request)
    return shown.locked(run.undecryptable) if run.undecryptable else "no request of its kind"


def _attempt_row(each: Attempt) -> list[str | Text]:
    number = str(each.number) if each.number == each.until else f"{each.number} to {each.until}"
    if not each.kept:
        return [number, "", "not kept by Temporal; the workers' logs have it"]
    error = ": ".join(part for part in (each.error_type, each.message) if part)
    return [
        number,
        f"{each.ended.astimezone():%Y-%m-%d %H:%M:%S}" if each.ended else "",
        shown.visible(error) or ("had not ended" if each.ended is None else ""),
    ]


def _counts(steps: Sequence[str]) -> str:
    return ", ".join(f"{step} ({count} times)" if count > 1 else step for step, count in Counter(steps).items())


def _by_hand(letter: Letter, event_id: int) -> str:
    job = shlex.quote(letter.run.workflow_id)
    return f"temporal workflow reset -w {job} -r {letter.run.run_id} --event-id {event_id} --reason redriven"


def _commands(letter: Letter, prospect: Prospect | None, alike: int) -> list[tuple[str, str]]:
    at = letter.id
    found: list[tuple[str, str]] = []
    if prospect and prospect.verdict is Verdict.resume:
        found.append(("Let it go on", f"dead redrive {at} --yes"))
        if alike > 1:
            found.append(("All that died of the same", f"dead redrive --group {letter.fingerprint}"))
    if prospect and prospect.verdict in (Verdict.resume, Verdict.restart_only):
        if letter.run.request is not None:
            found.append(("Run it anew", f"dead redrive {at} --restart --yes"))
        found.append(("Run it anew with another request", f"dead redrive {at} --input request.json"))
    if letter.state in WAITING:
        found.append(("Say that you look after it", f"dead ack {at}"))
        found.append(("Let it be", f"dead discard {at} --reason 'why'"))
    else:
        found.append(("Open it again", f"dead reopen {at}"))
    return found
