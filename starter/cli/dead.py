"""`jobs dead list`, `groups`, `show`: the jobs that need an operator. They only read."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.text import Text
from temporalio.envconfig import ClientConfig

from domain.dead_letters import (
    WAITING,
    DeadLetter,
    DeadLetterAction,
    DeadLetterFilter,
    DeadLetterState,
    FailureCause,
)
from domain.encryption_keys import WHERE
from starter.cli import dead_moves, dead_redrive
from starter.cli.commands import Commands
from starter.cli.dead_filters import counted, dead_letters, filter_of, with_filters
from starter.cli.output import Output
from starter.cli.running import run
from starter.cli.values import duration, moment, visible, whole_number
from starter.connection import connect, web_ui_base
from starter.dead_letters.attempt_history import Attempt, attempts
from starter.dead_letters.plan import RedrivePlan, Verdict, plan_redrive
from starter.dead_letters.selection import by_name
from starter.errors import StarterError
from starter.history import all_events
from workflows.registry import Registry

Limit = Annotated[int, typer.Option(parser=whole_number(1, 100_000), metavar="NUMBER", help="Maximum number shown.")]

_STYLES = {
    DeadLetterState.open: "bold red",
    DeadLetterState.acknowledged: "yellow",
    DeadLetterState.redriven: "cyan",
    DeadLetterState.resolved: "green",
    DeadLetterState.discarded: "dim",
}


def dead_commands(kinds: Registry, out: Output) -> typer.Typer:
    """The command group `dead`."""
    group = Commands(
        help=(
            "Look at the jobs that failed for good, were stopped from outside, or make no progress; redrive or settle "
            "them.\n\n"
            "Each dead run has a dead letter, permanently, also when Temporal has forgotten the run. "
            "docs/dead-letters.md describes what to do step by step."
        ),
        epilog=out.examples(
            "dead groups", "dead show 17", "dead redrive --group 3f2a9c1b7d04", "dead redrive 17 --yes", "dead ack 17"
        ),
    )

    def list_letters(*, limit: Limit = 50, **given: Any) -> int:
        return run(_list(filter_of(given, kinds, states=WAITING), limit, out))

    def groups(*, limit: Limit = 50, **given: Any) -> int:
        return run(_groups(filter_of(given, kinds, states=WAITING), limit, out))

    group.command(
        "list",
        help="List dead letters, newest first: those that match all options given. Needs only DATABASE_URL.",
        epilog=out.examples("dead list --since 2h", "dead list --error-type RecipientRejected --state resolved"),
    )(with_filters(list_letters, kinds, states=True))
    group.command(
        "groups",
        help=(
            "Show what jobs failed with, the most frequent first. Failures that differ only in ids, counts and quoted "
            "texts are one group."
        ),
        epilog=out.examples("dead groups", "dead groups --kind order-confirmation --json"),
    )(with_filters(groups, kinds, states=True))

    @group.command(epilog=out.examples("dead show 17", "dead show order-confirmation/1042"))
    def show(
        letter: Annotated[
            str,
            typer.Argument(
                metavar="ID", show_default=False, help="A dead letter's number, or its job: order-confirmation/1042."
            ),
        ],
    ) -> int:
        """Show all that is known of a dead letter, and what helps.

        Its request and error, its attempts as far as history has kept them, what a redrive would do, its audit trail,
        links and commands. Without Temporal, it shows what the database has.
        """
        return run(_show(letter, kinds, out))

    dead_redrive.add_to(group, kinds, out)
    dead_moves.add_to(group, kinds, out)
    return group


async def _list(which: DeadLetterFilter, limit: int, out: Output) -> int:
    async with dead_letters() as repository:
        found = await repository.list(which, limit=limit + 1)
    letters, links, now = found[:limit], Links(), datetime.now(UTC)
    out.document([_document(letter, links) for letter in letters])
    if not letters:
        out.note("No dead letter matches.")
    elif not out.as_json:
        columns = ("id", "job", "error", "step", "attempts", "failed", "state", "group")
        out.table(columns, [_row(letter, now, links) for letter in letters])
        for key_id, count in sorted(Counter(letter.undecryptable or "" for letter in letters).items()):
            if key_id:
                out.note(f"Request or error of {counted(count)} are {_locked(key_id)}")
        if any(letter.state in WAITING for letter in letters):
            out.note("Cause and remedy: `jobs dead show ID`. All with the same cause: `jobs dead groups`.")
    if len(found) > limit:
        out.note(f"There are more than {limit}; --limit shows more of them, `jobs dead groups` all by their causes.")
    return 0


def _row(letter: DeadLetter, now: datetime, links: Links) -> list[str | Text]:
    cause = letter.cause
    obvious = (
        cause in (FailureCause.failed, FailureCause.no_worker) or cause.replace("-", "") in letter.error_type.lower()
    )
    return [
        _linked(letter, links),
        visible(letter.workflow_id),
        visible(letter.error_type if obvious else f"{letter.error_type} ({cause})"),
        letter.step or "",
        str(letter.attempts or ""),
        f"{duration(now - letter.failed_at)} ago",
        Text(letter.state, style=_STYLES[letter.state]),
        letter.fingerprint,
    ]


async def _groups(which: DeadLetterFilter, limit: int, out: Output) -> int:
    async with dead_letters() as repository:
        found = await repository.groups(which, limit=limit + 1)
    groups, links, now = found[:limit], Links(), datetime.now(UTC)
    common = {"fingerprint", "kind", "error_type", "step", "message"}
    out.document(
        [
            {
                **group.example.model_dump(mode="json", include=common),
                **group.model_dump(mode="json", exclude={"example"}),
                "example": _document(group.example, links),
            }
            for group in groups
        ]
    )
    if not groups:
        out.note("No dead letter matches.")
    elif not out.as_json:
        rows: list[list[str | Text]] = [
            [
                group.example.fingerprint,
                str(group.count),
                group.example.kind,
                group.example.error_type,
                group.example.step or "",
                f"{duration(now - group.first)} ago",
                f"{duration(now - group.last)} ago",
                _linked(group.example, links),
                visible(group.example.message.partition(" Redrive: `")[0]),
            ]
            for group in groups
        ]
        out.table(("group", "letters", "kind", "error", "step", "first", "last", "example", "message"), rows)
        out.note("One of them: `jobs dead show ID`. Preview of a group's redrive: `jobs dead redrive --group GROUP`.")
    if len(found) > limit:
        out.note(f"There are more than {limit} groups; --limit shows more of them.")
    return 0


async def _show(name: str, kinds: Registry, out: Output) -> int:
    async with dead_letters() as repository:
        found, _ = await by_name(repository, [name])
        if not found:
            return out.fail("LetterNotFound", f"{name[:200]} has no dead letter. `jobs dead list` shows all.")
        [letter] = found
        actions = await repository.actions(letter.id)
        alike = await repository.count(DeadLetterFilter(fingerprint=letter.fingerprint, states=WAITING))
    history: list[Attempt] | None = None
    plan: RedrivePlan | None = None
    problem: str | None = None
    try:
        client = await connect()
        plan = await plan_redrive(client, letter, kinds)
        events = await all_events(client, letter.workflow_id, letter.run_id)
        step = letter.step or (plan.point.step if plan.point else None)
        if events is None:
            problem = "Temporal has no history of the run any more."
        else:
            history = attempts(events, step) if step else []
    except StarterError as exc:
        problem = str(exc)
    links = Links()
    out.document(
        {
            **_document(letter, links),
            "attempts_kept": None if history is None else [attempt.model_dump(mode="json") for attempt in history],
            "prospect": plan and plan.document(),
            "actions": [action.model_dump(mode="json") for action in actions],
            "group_waiting": alike,
            "problem": problem,
        }
    )
    if not out.as_json:
        out.details(_details(letter, plan, alike, links))
        if history:
            out.say()
            out.table(("attempt", "ended", "error"), [_attempt_row(attempt) for attempt in history])
        if actions:
            out.say()
            out.table(("when", "who", "what", "note"), [_action_row(action) for action in actions])
        out.say()
        for what, command in _commands(letter, plan, alike):
            out.say(f"{what}: {out.program} {command}")
        if plan and plan.point:
            job, event_id = shlex.quote(letter.workflow_id), plan.point.event_id
            by_hand = f"temporal workflow reset -w {job} -r {letter.run_id} --event-id {event_id} --reason redriven"
            out.say(f"The same without `jobs`: {by_hand}")
        if problem:
            out.note(f"Its history cannot be shown. {problem}")
    return 0


def _details(letter: DeadLetter, plan: RedrivePlan | None, alike: int, links: Links) -> list[tuple[str, str | Text]]:
    error = f"{letter.error_type}: {letter.message}" if letter.message else letter.error_type
    request = "no request of its kind"
    if letter.request is not None:
        request = json.dumps(letter.request)
    elif letter.undecryptable:
        request = _locked(letter.undecryptable)
    lines: list[tuple[str, str | Text]] = [
        ("letter", Text(str(letter.id), style="bold")),
        ("job", Text(visible(letter.workflow_id), style="bold")),
        ("state", Text(letter.state, style=_STYLES[letter.state])),
        ("request", request),
        ("queue", letter.queue),
        ("dead", f"{letter.cause}, {moment(letter.failed_at)}"),
        ("error", visible(error)),
    ]
    if letter.step:
        count = letter.attempts
        tried = f", after {count} {'attempt' if count == 1 else 'attempts'}" if count else ""
        lines.append(("step", f"{letter.step}{tried}"))
    lines.append(("group", letter.fingerprint + (f": {alike} such dead letters wait" if alike > 1 else "")))
    if plan:
        lines.append(("now", f"{plan.verdict}: {plan.why}"))
        if plan.point:
            lines.append(("kept", ", ".join(dict.fromkeys(plan.point.kept)) or "nothing had ended before"))
            lines.append(("runs again", ", ".join(plan.point.again) or "its last task"))
    lines += [("run", letter.run_id), ("link", links.run(letter.workflow_id, letter.run_id))]
    return lines


def _attempt_row(attempt: Attempt) -> list[str | Text]:
    number = str(attempt.number) if attempt.number == attempt.until else f"{attempt.number} to {attempt.until}"
    if not attempt.kept:
        return [number, "", "not kept by Temporal; the workers' logs have it"]
    error = visible(": ".join(part for part in (attempt.error_type, attempt.message) if part))
    if attempt.ended is None:
        return [number, "", error or "had not ended"]
    return [number, f"{attempt.ended.astimezone():%Y-%m-%d %H:%M:%S}", error]


def _action_row(action: DeadLetterAction) -> list[str | Text]:
    return [f"{action.at.astimezone():%Y-%m-%d %H:%M:%S}", action.by, f"{action.was} → {action.state}", action.note]


def _commands(letter: DeadLetter, plan: RedrivePlan | None, alike: int) -> list[tuple[str, str]]:
    """What helps now, and the command for it."""
    resume = plan is not None and plan.verdict is Verdict.resume
    restart = plan is not None and plan.doable(restart=True)
    waits = letter.state in WAITING
    found = (
        (resume, "Resume it", f"redrive {letter.id} --yes"),
        (resume and alike > 1, "All of its group", f"redrive --group {letter.fingerprint}"),
        (restart and letter.request is not None, "Run the whole job again", f"redrive {letter.id} --restart --yes"),
        (restart, "Run it with another request", f"redrive {letter.id} --input request.json"),
        (waits, "Acknowledge it", f"ack {letter.id}"),
        (waits, "Discard it", f"discard {letter.id} --reason 'why'"),
        (not waits, "Open it again", f"reopen {letter.id}"),
    )
    return [(what, f"dead {command}") for helps, what, command in found if helps]


def _document(letter: DeadLetter, links: Links) -> dict[str, Any]:
    """For programs."""
    values = letter.model_dump(mode="json")
    web_ui = links.run(letter.workflow_id, letter.run_id)
    return {"id": values.pop("id"), "job_id": values.pop("workflow_id"), **values, "web_ui": web_ui}


def _locked(key_id: str) -> str:
    return (
        f"encrypted under the missing key {visible(key_id)!r} ({WHERE}). `jobs dead sweep` with that key fills it in; "
        f"`jobs dead redrive` does not need it."
    )


def _linked(letter: DeadLetter, links: Links) -> Text:
    return Text(str(letter.id), style=f"link {links.run(letter.workflow_id, letter.run_id)}")


class Links:
    """Of the namespace that the environment says."""

    def __init__(self) -> None:
        self._base = f"{web_ui_base()}/namespaces/{_namespace()}/workflows"

    def run(self, workflow_id: str, run_id: str) -> str:
        """One run's history."""
        return f"{self._base}/{quote(workflow_id, safe='')}/{run_id}/history"


def _namespace() -> str:
    try:
        return ClientConfig.load_client_connect_config().get("namespace") or "default"
    except (RuntimeError, ValueError, OSError):  # whoever connects is told of it
        return "default"
