"""`jobs dead redrive`: preview and do it."""

from __future__ import annotations

import asyncio
import re
import shlex
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from domain.dead_letters import Audit, DeadLetter, DeadLetterFilter, DeadLetterRepository
from domain.requests import JobRequest
from starter.cli.dead_filters import By, Ids, NoteText, audit, counted, dead_letters, filter_of, with_filters
from starter.cli.output import FAILED, Output
from starter.cli.progress import counting
from starter.cli.running import run
from starter.cli.values import whole_number
from starter.connection import connect
from starter.dead_letters.plan import RedrivePlan, Verdict
from starter.dead_letters.redrive import Redriven, Redriver, Result, plan_all, redrive_all
from starter.dead_letters.selection import Selection, by_name, runs_of_query
from starter.errors import InvalidStart
from workflows.registry import Registry

_MAX_RATE = 500
_EXAMPLES = 3
_MAX_PROBLEMS = 20
"""Maximum number of problems that are shown one by one."""

_ABOUT = {
    Verdict.resume: "goes on",
    Verdict.restart_only: "needs --restart",
    Verdict.comes_on_by_itself: "comes on by itself",
    Verdict.not_dead: "not dead any more",
    Verdict.settled: "settled",
}


def _rate(text: str | int) -> int:
    return whole_number(1, _MAX_RATE)(re.sub(r"/s$", "", text) if isinstance(text, str) else text)


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
    typer.FileText | None,
    typer.Option(
        "--input",
        metavar="FILE",
        encoding="utf-8",
        errors="replace",
        help="Run one job again with this request, as JSON; - reads stdin.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", metavar="", help="Do it. Without it: a preview.")]
RateLimit = Annotated[int, typer.Option("--rate", parser=_rate, metavar="NUMBER", help="Maximum per second.")]


@dataclass(frozen=True)
class _Redrive:
    """The command line of a redrive."""

    names: Sequence[str]
    which: DeadLetterFilter
    query: str | None
    limit: int | None
    restart: bool
    request: str | None
    """As JSON."""
    rate: int
    audit: Audit
    yes: bool


def add_to(group: typer.Typer, kinds: Registry, out: Output) -> None:
    """Add the command."""

    def redrive(
        *,
        ids: Ids = None,
        query: Query = None,
        limit: Limit = None,
        restart: Restart = False,
        input_file: InputFile = None,
        yes: Yes = False,
        rate: RateLimit = 10,
        note: NoteText = "",
        by: By = None,
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
            request=None if input_file is None else input_file.read(),
            rate=rate,
            audit=audit(by, note),
            yes=yes,
        )
        return run(_redrive(chosen, kinds, out))

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


async def _redrive(chosen: _Redrive, kinds: Registry, out: Output) -> int:
    client = await connect()
    async with dead_letters(pooled=True) as letters:
        redriver = Redriver(client, letters, kinds, chosen.audit)
        found, missing = await by_name(letters, chosen.names)
        selection = await _selection(chosen, found, letters, redriver, out)
        request = None
        if chosen.request is not None and found:
            request = _request(chosen.request, found[0], kinds)
            redriver.request_for(found[0], request)
        total = await selection.count()
        if not chosen.yes:
            with counting(out.live, "Looking", total) as on_progress:
                plans = await plan_all(selection.each(), redriver, on_progress)
            return _show_preview(plans, missing, chosen, out)
        results: list[Redriven] = []
        with counting(out.live, "Redriving", total) as advance:

            def on_result(redriven: Redriven) -> None:
                results.append(redriven)
                advance()

            try:
                await redrive_all(
                    selection.each(),
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
                    f"{how}: {counted(made)} redriven, {len(results)} of {total} checked. The same command continues "
                    f"with the others; none is redriven twice."
                )
                raise
        return _show_results(results, missing, chosen, out)


async def _selection(
    chosen: _Redrive, found: Sequence[DeadLetter], letters: DeadLetterRepository, redriver: Redriver, out: Output
) -> Selection:
    if chosen.names:
        return Selection(letters, DeadLetterFilter(ids=frozenset(letter.id for letter in found)))
    selection = Selection(letters, chosen.which, chosen.limit)
    if chosen.query is not None:
        runs = frozenset(await runs_of_query(redriver.client, chosen.query))
        selection = replace(selection, which=chosen.which.model_copy(update={"run_ids": runs}))
        if (others := len(runs) - await replace(selection, limit=None).count()) > 0:
            out.note(
                f"{others} of the query's dead runs are left out: their dead letters are settled or do not match, or "
                f"they have none yet, and `jobs dead sweep` finds them."
            )
    return selection


def _request(text: str, letter: DeadLetter, kinds: Registry) -> JobRequest:
    """The request in a file, checked against the dead letter's kind. Raises InvalidStart."""
    try:
        return kinds.get(letter.kind).request.model_validate_json(text, strict=True)
    except LookupError as exc:
        raise InvalidStart(f"{letter.workflow_id} cannot be run anew: {exc.args[0]}.") from exc
    except ValidationError as exc:
        problems = "; ".join(
            f"{'.'.join(map(str, error['loc'])) or 'request'}: {error['msg']}"
            for error in exc.errors(include_url=False, include_input=False)
        )
        raise InvalidStart(f"--input is no request of {letter.kind}: {problems}. See `jobs kinds`.") from None


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
            "prospects": [plan.document() for plan in plans],
        }
    )
    _table(plans, chosen, out)
    for title, counts in (("Steps that run again", again), ("Steps that keep their results", kept)):
        if counts:
            out.say(f"{title}: {', '.join(f'{step} ({count})' for step, count in counts.most_common())}")
    _note([f"{name} has no dead letter." for name in missing], out)
    if doable:
        what = "Run the whole job of" if chosen.restart else "Resume the job of"
        at = sys.argv.index("dead") if "dead" in sys.argv else 1
        out.note(f"Nothing was done. {what} {counted(len(doable))}: `jobs {shlex.join(sys.argv[at:])} --yes`")
    else:
        out.note("Nothing was done, and nothing is to be redriven." if plans else "No dead letter matches.")
    return FAILED if missing else 0


def _show_results(results: Sequence[Redriven], missing: Sequence[str], chosen: _Redrive, out: Output) -> int:
    def told(each: Redriven, **more: object) -> dict[str, object]:
        return {"id": each.plan.letter.id, "job_id": each.plan.letter.workflow_id, **more}

    made = [told(each, result=each.result, run_id=each.run_id) for each in results if each.run_id]
    left = [each.plan for each in results if each.result is Result.skipped]
    refused = [told(each, why=each.plan.why) for each in results if each.result is None]
    problems = [f"{each['id']} {each['job_id']}: {each['why']}" for each in refused]
    problems += [f"{name} has no dead letter." for name in missing]
    out.document(
        {
            "letters": len(results),
            "redriven": len(made),
            "runs": made,
            "left": [plan.document() for plan in left],
            "refused": refused,
            "missing": list(missing),
            "error": {"type": "NotRedriven", "message": " ".join(problems[:5])} if problems else None,
        }
    )
    out.say(f"{counted(len(made)).capitalize()} {'run again' if chosen.restart else 'resumed at the failed step'}.")
    for each in made if len(made) <= _EXAMPLES else ():
        out.say(f"  {each['job_id']}: run {each['run_id']}")
    if left:
        out.say(f"{counted(len(left)).capitalize()} left alone:")
        _table(left, chosen, out)
    _note(problems, out)
    if made:
        out.note("What fails again has a new dead letter: `jobs dead groups`. All: `jobs list --newer-than 10m`.")
    return FAILED if problems or (chosen.names and left) else 0


def _table(plans: Iterable[RedrivePlan], chosen: _Redrive, out: Output) -> None:
    """One row per verdict and reason."""
    reasons: dict[tuple[Verdict, str], list[int]] = {}
    for plan in plans:
        reasons.setdefault((plan.verdict, plan.why), []).append(plan.letter.id)
    rows: list[list[str]] = []
    for (verdict, why), ids in sorted(
        reasons.items(), key=lambda each: (list(_ABOUT).index(each[0][0]), -len(each[1]))
    ):
        again = chosen.restart and verdict in (Verdict.resume, Verdict.restart_only)
        examples = ", ".join(map(str, ids[:_EXAMPLES])) + (", …" if len(ids) > _EXAMPLES else "")
        rows.append(["runs again" if again else _ABOUT[verdict], str(len(ids)), why, examples])
    if rows:
        out.table(("", "letters", "why", "such as"), rows)


def _note(problems: Sequence[str], out: Output) -> None:
    for problem in problems[:_MAX_PROBLEMS]:
        out.note(problem)
    if len(problems) > _MAX_PROBLEMS:
        out.note(f"… and {len(problems) - _MAX_PROBLEMS} more.")
