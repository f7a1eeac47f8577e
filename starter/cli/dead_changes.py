"""`jobs dead redrive`, `ack`, `discard`, `reopen`, `sweep`: what operators do about dead letters."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from temporalio.client import Client

from domain.dead_letters import (
    UNSETTLED,
    WAITING,
    Audit,
    DeadLetter,
    DeadLetterFilter,
    DeadLetterRepository,
    Move,
)
from domain.outcomes import Done
from domain.requests import JobRequest
from starter.cli.dead_filters import dead_letters, dead_letters_and_lock, filter_of, with_filters
from starter.cli.numbers import whole_number
from starter.cli.outcomes import done
from starter.cli.output import FAILED, AsJson, Output
from starter.cli.progress import counting
from starter.cli.running import run
from starter.cli.who import who
from starter.connection import connect
from starter.dead_letters.plan import RedrivePlan, Verdict
from starter.dead_letters.redrive import Redriven, Redriver, Result, open_abandoned, plan_all, redrive_all
from starter.dead_letters.selection import Selection, by_name, of_runs, runs_of_query
from starter.errors import InvalidStart, JobDidNotComplete
from starter.jobs import Jobs
from workflows.registry import Registry

_MAX_RATE = 500
_MAX_MOVED = 100_000
_EXAMPLES = 3
_MAX_REFUSED = 20
"""Maximum number of refused redrives that are shown."""

_ABOUT = {
    Verdict.resume: "goes on",
    Verdict.restart_only: "needs --restart",
    Verdict.comes_on_by_itself: "comes on by itself",
    Verdict.not_dead: "not dead any more",
    Verdict.settled: "settled",
}


def _rate(text: str | int) -> int:
    return whole_number(1, _MAX_RATE)(re.sub(r"/s$", "", text) if isinstance(text, str) else text)


Ids = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ID", show_default=False, help="Dead letters by number, or by job: order-confirmation/1042."
    ),
]
Group = Annotated[
    str | None,
    typer.Option("--group", metavar="FINGERPRINT", show_default=False, help="All of this group that wait."),
]
By = Annotated[
    str | None, typer.Option("--by", metavar="NAME", show_default=False, help="Who does it; default: you@machine.")
]
NoteText = Annotated[
    str, typer.Option("--note", metavar="TEXT", show_default=False, help="Stored with it; no personal data.")
]
Query = Annotated[
    str | None, typer.Option(metavar="QUERY", help="Of runs that match this query of Temporal's, as in its Web UI.")
]
Limit = Annotated[
    int | None,
    typer.Option(parser=whole_number(1, 10_000_000), metavar="NUMBER", help="Only the oldest ones, up to this number."),
]
Restart = Annotated[
    bool, typer.Option("--restart", metavar="", help="Run the whole jobs again, not from the failed step.")
]
InputFile = Annotated[
    Path | None,
    typer.Option("--input", metavar="FILE", help="Run one job again with this request, as JSON; - reads stdin."),
]
Yes = Annotated[bool, typer.Option("--yes", metavar="", help="Do it. Without it: a preview.")]
RateLimit = Annotated[int, typer.Option("--rate", parser=_rate, metavar="NUMBER", help="Maximum per second.")]


def add_to(group: typer.Typer, kinds: Registry, out: Output) -> None:
    """Add the commands."""

    def redrive(
        ids: Ids = None,
        *,
        query: Query = None,
        limit: Limit = None,
        restart: Restart = False,
        input_file: InputFile = None,
        yes: Yes = False,
        rate: RateLimit = 10,
        note: NoteText = "",
        by: By = None,
        as_json: AsJson = False,  # noqa: ARG001  # `out` has it
        **given: Any,
    ) -> int:
        names = list(dict.fromkeys(ids or []))
        filtered = query is not None or any(given.values())
        if not names and not filtered:
            raise typer.BadParameter("name letters, or give --group, --query or other filters", param_hint="ID")
        if names and filtered:
            raise typer.BadParameter("give either ids, or --query and filters", param_hint="ID")
        if input_file is not None and len(names) != 1:
            raise typer.BadParameter("is for one letter: name that", param_hint="--input")
        chosen = _Redrive(
            names=names,
            which=filter_of(given, kinds),
            query=query,
            limit=limit,
            restart=restart or input_file is not None,
            request=input_file,
            rate=rate,
            audit=_audit(by, note),
        )
        return run(_redrive(chosen, kinds, out, preview=not yes))

    group.command(
        "redrive",
        help=(
            "Resume dead jobs at the failed step. Steps that ended before it do not run again.\n\n"
            "Without --yes it only shows what would be done. Jobs that recovered are left alone, and so are those that "
            "continue by themselves. It can be interrupted and called again: no run is redriven twice. "
            "Exit status: 1 if a dead letter that was named was not redriven, or a job could not be."
        ),
        epilog=out.examples(
            "dead redrive order-confirmation/1042 --yes",
            "dead redrive --group 3f2a9c1b7d04 --rate 20 --yes",
            "dead redrive --query \"ErrorType = 'RecipientRejected'\" --limit 5 --yes",
            "dead redrive 17 --restart --yes",
            "dead redrive 17 --input request.json --yes",
        ),
    )(with_filters(redrive, kinds))

    @group.command(epilog=out.examples("dead ack 17 --note 'asked the provider, ticket 4711'"))
    def ack(
        ids: Ids = None,
        group: Group = None,
        note: NoteText = "",
        by: By = None,
        as_json: AsJson = False,  # noqa: ARG001  # `out` has it
    ) -> int:
        """Acknowledge dead letters: the daily digest leaves them out.

        Exit status: 1 if one of them is not open.
        """
        return run(_move(ids, group, Move.acknowledge, _audit(by, note), "acknowledged", out))

    @group.command(epilog=out.examples("dead discard 17 --reason 'the customer has cancelled the order'"))
    def discard(
        *,
        ids: Ids = None,
        group: Group = None,
        reason: Annotated[
            str, typer.Option("--reason", metavar="TEXT", show_default=False, help="Why; no personal data.")
        ],
        by: By = None,
        as_json: AsJson = False,  # noqa: ARG001  # `out` has it
    ) -> int:
        """Decide that nothing will be done about dead letters. They stay in the database, and their runs as they are.

        Exit status: 1 if one of them is settled already.
        """
        if not reason.strip():
            raise typer.BadParameter("say why nothing will be done", param_hint="--reason")
        return run(_move(ids, group, Move.discard, _audit(by, reason, option="--reason"), "discarded", out))

    @group.command(epilog=out.examples("dead reopen 17 --note 'discarded by mistake'"))
    def reopen(
        ids: Ids = None,
        note: NoteText = "",
        by: By = None,
        as_json: AsJson = False,  # noqa: ARG001  # `out` has it
    ) -> int:
        """Open dead letters again.

        The sweep resolves those again whose jobs recovered. Exit status: 1 if one of them is open, or its job has
        another dead letter that waits.
        """
        return run(_move(ids, None, Move.reopen, _audit(by, note), "open again", out))

    @group.command(epilog=out.examples("dead sweep"))
    def sweep(
        wait: Annotated[bool, typer.Option("--wait/--no-wait", metavar="", help="Wait until it has ended.")] = True,
        as_json: AsJson = False,  # noqa: ARG001  # `out` has it
    ) -> int:
        """Record dead runs that have no dead letter yet, and settle those of recovered jobs: starts a job.

        A schedule does so every few minutes. Exit status: 1 if the job fails.
        """
        return run(_sweep(kinds, out, wait=wait))


def _audit(by: str | None, note: str, *, option: str = "--note") -> Audit:
    try:
        return Audit(by=by if by is not None else who(), note=note)
    except ValidationError as exc:
        [error, *_] = exc.errors(include_url=False)
        hint = "--by" if error["loc"][:1] == ("by",) else option
        raise typer.BadParameter(str(error["msg"]), param_hint=hint) from None


async def _move(
    names: Sequence[str] | None, group: str | None, move: Move, audit: Audit, done_text: str, out: Output
) -> int:
    if bool(names) == (group is not None):
        raise typer.BadParameter("name letters" if group is None else "give either ids, or --group", param_hint="ID")
    async with dead_letters() as letters:
        found, missing = await by_name(letters, names or [])
        if group is not None:
            which = DeadLetterFilter(fingerprint=group, states=WAITING & move.sources)
            found = [*await letters.list(which, limit=_MAX_MOVED)]
        ids = [letter.id for letter in found]
        moved = await letters.move(ids, move, audit)
        errors = [f"{name} has no dead letter" for name in missing]
        for letter_id in sorted(set(ids) - set(moved)):
            letter = await letters.find(letter_id)
            state = letter.state if letter else "gone"
            blocked = state in move.sources
            why = "stays: its job has another letter that waits" if blocked else f"stays as it is: {state}"
            errors.append(f"{letter_id} {why}")
    error = {"type": "NotMoved", "message": f"{'; '.join(errors)}."} if errors else None
    out.document({"moved": list(moved), "error": error})
    out.say(f"{_counted(len(moved)).capitalize()} {done_text}.")
    for each in errors:
        out.note(f"{each}.")
    return FAILED if errors else 0


@dataclass(frozen=True)
class _Redrive:
    """The command line of a redrive."""

    names: Sequence[str]
    which: DeadLetterFilter
    query: str | None
    limit: int | None
    restart: bool
    request: Path | None
    rate: int
    audit: Audit


async def _redrive(chosen: _Redrive, kinds: Registry, out: Output, *, preview: bool) -> int:
    client = await connect()
    async with dead_letters_and_lock() as (letters, lock):
        redriver = Redriver(client, letters, kinds, chosen.audit)
        found, missing = await by_name(letters, chosen.names)
        if chosen.names:
            named = DeadLetterFilter(ids=frozenset(letter.id for letter in found))
            selection = Selection(letters, named)
        else:
            selection = await _by_query(chosen, letters, client, out)
        request: JobRequest | None = None
        if chosen.request is not None and found:
            request = _request(chosen.request, found[0], kinds)
            redriver.request_for(found[0], request)
        if preview:
            with counting(out.live, "Looking", await selection.count(UNSETTLED)) as on_progress:
                plans = await plan_all(selection.each(UNSETTLED), redriver, on_progress)
            return _show_preview(plans, missing, chosen, out)
        async with lock.alone() as alone:
            if alone:
                await open_abandoned(client, selection, chosen.audit)
        results: list[Redriven] = []
        total = await selection.count(WAITING)
        try:
            async with lock.shared():
                with counting(out.live, "Redriving", total) as advance:

                    def on_result(redriven: Redriven) -> None:
                        results.append(redriven)
                        advance()

                    await redrive_all(
                        selection.each(WAITING),
                        redriver,
                        rate=chosen.rate,
                        restart=chosen.restart,
                        request=request,
                        on_progress=on_result,
                    )
        except BaseException as exc:
            made = sum(each.run_id is not None for each in results)
            how = "Interrupted" if isinstance(exc, asyncio.CancelledError) else "Aborted"
            out.note(
                f"{how}: {_counted(made)} redriven, {len(results)} of {total} checked. The same command continues with "
                f"the others; none is redriven twice."
            )
            raise
        return _show_results(results, missing, chosen, out)


async def _by_query(chosen: _Redrive, letters: DeadLetterRepository, client: Client, out: Output) -> Selection:
    if chosen.query is None:
        return Selection(letters, chosen.which, chosen.limit)
    runs = await runs_of_query(client, chosen.query)
    ids = await of_runs(letters, runs, chosen.which)
    if (others := len(runs) - len(ids)) > 0:
        out.note(
            f"{others} of the query's dead runs are left out: their dead letters are settled or do not match, or they "
            f"have none yet, and `jobs dead sweep` finds them."
        )
    return Selection(letters, DeadLetterFilter(ids=frozenset(ids[: chosen.limit])))


def _request(file: Path, letter: DeadLetter, kinds: Registry) -> JobRequest:
    """The request in a file, checked against the dead letter's kind. Raises InvalidStart."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidStart(f"--input: {file} cannot be read ({type(exc).__name__}).") from None
    try:
        kind = kinds.get(letter.kind)
    except LookupError as exc:
        raise InvalidStart(f"{letter.workflow_id} cannot be run anew: {exc.args[0]}.") from exc
    try:
        json.loads(text)
        return kind.request.model_validate_json(text, strict=True)
    except ValidationError as exc:
        problems = "; ".join(
            f"{'.'.join(map(str, error['loc'])) or 'request'}: {error['msg']}"
            for error in exc.errors(include_url=False, include_input=False)
        )
        raise InvalidStart(f"--input is no request of {kind.name}: {problems}. See `jobs kinds`.") from None
    except ValueError:
        raise InvalidStart(
            '--input is no JSON: give an object of the request\'s fields, such as {"order_id": 1042}.'
        ) from None


def _show_preview(plans: Sequence[RedrivePlan], missing: Sequence[str], chosen: _Redrive, out: Output) -> int:
    doable = [plan for plan in plans if plan.doable(restart=chosen.restart)]
    again: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    for point in (plan.point for plan in doable if plan.point):
        again.update({*point.again, *(point.kept if chosen.restart else ())})
        kept.update(() if chosen.restart else point.kept)
    verdicts = Counter(plan.verdict for plan in plans)
    out.document(
        {
            "letters": len(plans),
            "verdicts": {verdict.value: verdicts[verdict] for verdict in Verdict},
            "redriven": 0,
            "runs_again": dict(again.most_common()),
            "kept": dict(kept.most_common()),
            "missing": list(missing),
            "prospects": [_document(plan) for plan in plans],
        }
    )
    _table(plans, chosen, out)
    for title, counts, unit in (
        ("All steps run again:" if chosen.restart else "Steps that run again:", again, "in {} {}"),
        ("Steps that keep their results:", kept, "of {} {}"),
    ):
        if counts:
            out.say(title)
        for step, count in counts.most_common():
            out.say(f"  {step}  {unit.format(count, 'job' if count == 1 else 'jobs')}")
    _note_missing(missing, out)
    if doable:
        what = "Run the whole job of" if chosen.restart else "Resume the job of"
        at = sys.argv.index("dead") if "dead" in sys.argv else 1
        out.note(f"Nothing was done. {what} {_counted(len(doable))}: `jobs {shlex.join(sys.argv[at:])} --yes`")
    else:
        out.note("Nothing was done, and nothing is to be redriven." if plans else "No dead letter matches.")
    return FAILED if missing else 0


def _show_results(results: Sequence[Redriven], missing: Sequence[str], chosen: _Redrive, out: Output) -> int:
    made = [each for each in results if each.run_id is not None]
    left = [each.plan for each in results if each.result is Result.skipped]
    refused = [_of(each.plan) | {"why": each.plan.why} for each in results if each.result is None]
    problems = [f"{each['job_id']}: {each['why']}" for each in refused]
    problems += [f"{name} has no dead letter." for name in missing]
    out.document(
        {
            "letters": len(results),
            "redriven": len(made),
            "runs": [_of(each.plan) | {"result": each.result, "run_id": each.run_id} for each in made],
            "left": [_document(plan) for plan in left],
            "refused": refused,
            "missing": list(missing),
            "error": {"type": "NotRedriven", "message": " ".join(problems[:5])} if problems else None,
        }
    )
    what = "run again" if chosen.restart else "resumed at the failed step"
    out.say(f"{_counted(len(made)).capitalize()} {what}.")
    if len(made) <= _EXAMPLES:
        for each in made:
            out.say(f"  {each.plan.letter.workflow_id}: run {each.run_id}")
    if left:
        out.say(f"{_counted(len(left)).capitalize()} left alone:")
        _table(left, chosen, out)
    for problem in refused[:_MAX_REFUSED]:
        out.note(f"{problem['id']} {problem['job_id']}: {problem['why']}")
    if len(refused) > _MAX_REFUSED:
        out.note(f"… and {len(refused) - _MAX_REFUSED} more that could not be redriven.")
    _note_missing(missing, out)
    if made:
        out.note("What fails again has a new dead letter: `jobs dead groups`. All: `jobs list --newer-than 10m`.")
    return FAILED if problems or (chosen.names and left) else 0


def _table(plans: Iterable[RedrivePlan], chosen: _Redrive, out: Output) -> None:
    """One row per verdict and reason."""
    reasons: dict[tuple[Verdict, str], list[int]] = {}
    for plan in plans:
        reasons.setdefault((plan.verdict, plan.why), []).append(plan.letter.id)
    if out.as_json or not reasons:
        return
    rows: list[list[str]] = []
    for (verdict, why), ids in sorted(
        reasons.items(), key=lambda item: (list(Verdict).index(item[0][0]), -len(item[1]))
    ):
        again = chosen.restart and verdict in (Verdict.resume, Verdict.restart_only)
        examples = ", ".join(map(str, ids[:_EXAMPLES])) + (", …" if len(ids) > _EXAMPLES else "")
        rows.append(["runs again" if again else _ABOUT[verdict], str(len(ids)), why, examples])
    out.table(("", "letters", "why", "such as"), rows)


def _note_missing(missing: Sequence[str], out: Output) -> None:
    for name in missing:
        out.note(f"{name} has no dead letter. (`jobs dead list` shows all.)")


def _counted(count: int) -> str:
    """`1 dead letter`, `2 dead letters`."""
    return f"{count or 'no'} dead {'letter' if count == 1 else 'letters'}"


def _of(plan: RedrivePlan) -> dict[str, Any]:
    return {"id": plan.letter.id, "job_id": plan.letter.workflow_id}


def _document(plan: RedrivePlan) -> dict[str, Any]:
    point = plan.point
    return {
        **_of(plan),
        "verdict": plan.verdict,
        "why": plan.why,
        "step": point.step if point else None,
        "runs_again": list(point.again) if point else [],
        "kept": list(point.kept) if point else [],
    }


async def _sweep(kinds: Registry, out: Output, *, wait: bool) -> int:
    try:
        kind = kinds.get("dead-letter-sweep")
    except LookupError as exc:
        return out.fail("UnknownKind", f"{exc.args[0]}.")
    handle = await (await Jobs.connect()).start(kind.request.model_validate({"at": datetime.now(UTC)}))
    about: dict[str, Any] = {"id": handle.id, "web_ui": handle.web_ui, "facts": None, "error": None}
    if not wait:
        out.document(about)
        out.say(f"Started {handle.id}\n  {handle.web_ui}")
        return 0
    if not await handle.picked_up():
        out.note(f"No worker serves the queue '{kind.queue}' (see `make worker`): the sweep waits for one.")
    try:
        outcome = await handle.result()
    except JobDidNotComplete as exc:
        out.document({**about, "web_ui": exc.web_ui, "error": exc.message})
        out.note(f"{handle.id}: {exc.error_type}: {exc.message}\n  {exc.web_ui}")
        return FAILED
    out.document({**about, "facts": outcome.facts if isinstance(outcome, Done) else {}})
    out.say(f"Swept: {facts}" if isinstance(outcome, Done) and (facts := done(outcome)) else "Swept.")
    return 0
