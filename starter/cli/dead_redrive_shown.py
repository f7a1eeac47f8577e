"""How `jobs dead redrive` tells what it would do, and what it has done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from domain.dead_letters import Letter
from starter.cli.dead_shown import counted
from starter.cli.output import FAILED, Output
from starter.redriving.acting import Redriven, Result
from starter.redriving.bulk import Redrives
from starter.redriving.looking import DOABLE, Prospect, Verdict

_EXAMPLES = 3

_ABOUT = {
    Verdict.resume: "goes on",
    Verdict.restart_only: "needs --restart",
    Verdict.comes_on_by_itself: "comes on by itself",
    Verdict.not_dead: "not dead any more",
    Verdict.settled: "settled",
}


def preview(prospects: Sequence[Prospect], missing: Sequence[str], out: Output, *, restart: bool, typed: str) -> int:
    """What would be done, with counts; returns the exit status."""
    doable = [each for each in prospects if each.verdict in (DOABLE if restart else (Verdict.resume,))]
    again, kept = _steps(doable, restart=restart)
    out.document(
        {
            "letters": len(prospects),
            "verdicts": _verdicts(prospects),
            "redriven": 0,
            "runs_again": again,
            "kept": kept,
            "missing": list(missing),
            "prospects": [_document(each) for each in prospects],
        }
    )
    _table(prospects, out, restart=restart)
    _say_steps(again, kept, out, restart=restart)
    _tell_missing(missing, out)
    if doable:
        what = "run the whole job anew" if restart else "let the job go on"
        out.note(f"Nothing was done. To {what} of {counted(len(doable))}: `jobs {typed} --yes`")
    elif prospects:
        out.note("Nothing was done, and nothing is to be redriven.")
    else:
        out.note("No dead letter fits.")
    return FAILED if missing else 0


def redriven(so_far: Redrives, missing: Sequence[str], out: Output, *, restart: bool, by_name: bool) -> int:
    """What was done; returns the exit status."""
    made = [each for each in so_far.done if each.result is not Result.skipped]
    left = [each.prospect for each in so_far.done if each.result is Result.skipped]
    failed = bool(so_far.refused or missing or (by_name and left))
    out.document(_done_document(so_far, made, left, missing))
    what = "run anew" if restart else "resumed at the failed step"
    out.say(f"{counted(len(made)).capitalize()} {what}.")
    if len(made) <= _EXAMPLES:
        for each in made:
            out.say(f"  {each.prospect.letter.run.workflow_id}: run {each.run_id}")
    if left:
        out.say(f"{counted(len(left)).capitalize()} left alone:")
        _table(left, out, restart=restart)
    for letter, why in so_far.refused[:20]:
        out.note(f"{letter.id} {letter.run.workflow_id}: {why}")
    if len(so_far.refused) > 20:
        out.note(f"… and {len(so_far.refused) - 20} more that could not be redriven.")
    _tell_missing(missing, out)
    if made:
        out.note("How they fare: `jobs dead groups` (what fails again has a new letter), `jobs list --newer-than 10m`.")
    return FAILED if failed else 0


def interrupted(so_far: Redrives, total: int, out: Output, *, by_hand: bool) -> None:
    """What was done before it was cut short."""
    made = sum(each.result is not Result.skipped for each in so_far.done)
    out.note(
        f"{'Interrupted' if by_hand else 'Broken off'}: {counted(made)} redriven, {so_far.count} of {total} looked at. "
        f"The same command goes on with the others; none is redriven twice."
    )


def without_letter(count: int, out: Output) -> None:
    """Of a query's dead runs, those that have none that is not settled."""
    if count > 0:
        out.note(
            f"{count} of the query's dead runs are left: their letters are settled or do not fit, or they have none "
            f"yet, and `jobs dead sweep` finds them."
        )


def _verdicts(prospects: Iterable[Prospect]) -> dict[str, int]:
    counts = Counter(each.verdict for each in prospects)
    return {verdict.value: counts[verdict] for verdict in Verdict}


def _steps(prospects: Iterable[Prospect], *, restart: bool) -> tuple[dict[str, int], dict[str, int]]:
    """How many jobs do each step again, and how often each step is kept."""
    again: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    for each in prospects:
        if each.point is None:
            continue
        again.update(set(each.point.again) | (set(each.point.kept) if restart else set()))
        kept.update(() if restart else each.point.kept)
    return dict(again.most_common()), dict(kept.most_common())


def _say_steps(again: dict[str, int], kept: dict[str, int], out: Output, *, restart: bool) -> None:
    if again:
        out.say("All steps run again:" if restart else "Steps that run again:")
        for step, count in again.items():
            out.say(f"  {step}  in {count} {'job' if count == 1 else 'jobs'}")
    if kept:
        out.say("Steps that keep their results:")
        for step, count in kept.items():
            out.say(f"  {step}  {count} times" if count > 1 else f"  {step}  once")


def _table(prospects: Sequence[Prospect], out: Output, *, restart: bool) -> None:
    if out.as_json or not prospects:
        return
    by_reason: dict[tuple[Verdict, str], list[int]] = {}
    for each in prospects:
        by_reason.setdefault((each.verdict, each.why), []).append(each.letter.id)
    rows = sorted(by_reason.items(), key=lambda item: (list(Verdict).index(item[0][0]), -len(item[1])))
    out.table(
        ("", "letters", "why", "such as"),
        [[_about(verdict, restart=restart), str(len(ids)), why, _some(ids)] for (verdict, why), ids in rows],
    )


def _about(verdict: Verdict, *, restart: bool) -> str:
    return "runs anew" if restart and verdict in DOABLE else _ABOUT[verdict]


def _some(ids: Sequence[int]) -> str:
    return ", ".join(map(str, ids[:_EXAMPLES])) + (", …" if len(ids) > _EXAMPLES else "")


def _tell_missing(missing: Sequence[str], out: Output) -> None:
    for name in missing:
        out.note(f"{name} has no letter. (`jobs dead list` shows those that are there.)")


def _document(prospect: Prospect) -> dict[str, Any]:
    point = prospect.point
    return {
        "id": prospect.letter.id,
        "job_id": prospect.letter.run.workflow_id,
        "verdict": prospect.verdict,
        "why": prospect.why,
        "step": point.step if point else None,
        "runs_again": list(point.again) if point else [],
        "kept": list(point.kept) if point else [],
    }


def _done_document(
    so_far: Redrives, made: Sequence[Redriven], left: Sequence[Prospect], missing: Sequence[str]
) -> dict[str, Any]:
    def refused(letter: Letter, why: str) -> dict[str, Any]:
        return {"id": letter.id, "job_id": letter.run.workflow_id, "why": why}

    problems = [f"{letter.run.workflow_id}: {why}" for letter, why in so_far.refused]
    problems += [f"{name} has no letter." for name in missing]
    return {
        "letters": so_far.count,
        "redriven": len(made),
        "runs": [
            {
                "id": each.prospect.letter.id,
                "job_id": each.prospect.letter.run.workflow_id,
                "result": each.result,
                "run_id": each.run_id,
            }
            for each in made
        ],
        "left": [_document(each) for each in left],
        "refused": [refused(letter, why) for letter, why in so_far.refused],
        "missing": list(missing),
        "error": {"type": "NotRedriven", "message": " ".join(problems[:5])} if problems else None,
    }
