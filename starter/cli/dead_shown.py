"""How `jobs dead` shows letters and groups: as tables, and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from domain.dead_letters import WAITING, DeathCause, Group, Letter, LetterAction, LetterState
from domain.encryption_keys import WHERE
from starter.cli.durations import duration
from starter.cli.links import Links
from starter.cli.output import Output

_STYLES = {
    LetterState.open: "bold red",
    LetterState.acknowledged: "yellow",
    LetterState.redriven: "cyan",
    LetterState.resolved: "green",
    LetterState.discarded: "dim",
}


def listed(letters: Sequence[Letter], out: Output) -> None:
    """A table, and what to do about what stands in it."""
    links = Links()
    out.document([document(letter, links) for letter in letters])
    if out.as_json:
        return
    if not letters:
        out.note("No dead letter fits.")
        return
    now = datetime.now(UTC)
    columns = ("id", "job", "error", "step", "attempts", "died", "state", "group")
    out.table(columns, [_row(letter, now, links) for letter in letters])
    for key_id, count in sorted(Counter(letter.run.undecryptable or "" for letter in letters).items()):
        if key_id:
            out.note(f"Of {counted(count)} request or error are {locked(key_id)}")
    if any(letter.state in WAITING for letter in letters):
        out.note("Why, and what helps: `jobs dead show ID`. What died of the same: `jobs dead groups`.")


def grouped(groups: Sequence[Group], out: Output) -> None:
    """A table of what the letters have died of, most of the same first."""
    links = Links()
    out.document([group_document(group, links) for group in groups])
    if out.as_json:
        return
    if not groups:
        out.note("No dead letter fits.")
        return
    columns = ("group", "letters", "kind", "error", "step", "first", "last", "example", "message")
    now = datetime.now(UTC)
    out.table(
        columns,
        [
            [
                group.fingerprint,
                str(group.count),
                group.kind,
                group.error_type,
                group.step or "",
                _ago(group.first, now),
                _ago(group.last, now),
                Text(
                    str(group.example.id),
                    style=_link(links.run(group.example.run.workflow_id, group.example.run.run_id)),
                ),
                visible(_without_command(group.message)),
            ]
            for group in groups
        ],
    )
    out.note(
        "One of them: `jobs dead show ID`. Of a group, what a redrive would do: `jobs dead redrive --group GROUP`."
    )


def moved(ids: Sequence[int], left: Sequence[tuple[int | str, str]], said: str, out: Output) -> None:
    """What became of letters that were to be moved; `left` has the others, each with the reason."""
    errors = [f"{name} {why}" for name, why in left]
    out.document(
        {"moved": list(ids), "error": {"type": "NotMoved", "message": f"{'; '.join(errors)}."} if errors else None}
    )
    out.say(f"{counted(len(ids)).capitalize()} {said}.")
    for error in errors:
        out.note(f"{error}.")


def locked(key_id: str) -> str:
    """Why something of a letter is not shown."""
    return (
        f"encrypted under the key {visible(key_id)!r}, which those who looked lack ({WHERE}). "
        f"`jobs dead sweep` with that key fills it in; `jobs dead redrive` needs none of it."
    )


def counted(count: int) -> str:
    """`1 letter`, `2 letters`."""
    return f"{count or 'no'} {'letter' if count == 1 else 'letters'}"


def document(letter: Letter, links: Links) -> dict[str, Any]:
    """For programs."""
    run = letter.run.model_dump(mode="json")
    of_letter = letter.model_dump(mode="json", exclude={"run", "id"})
    return {
        "id": letter.id,
        "job_id": run.pop("workflow_id"),
        **run,
        **of_letter,
        "web_ui": links.run(letter.run.workflow_id, letter.run.run_id),
    }


def group_document(group: Group, links: Links) -> dict[str, Any]:
    """For programs."""
    told = group.model_dump(mode="json", exclude={"example"})
    return {**told, "example": document(group.example, links)}


def state_text(state: LetterState) -> Text:
    """A letter's state in its colour."""
    return Text(state, style=_STYLES[state])


def error_of(letter: Letter) -> str:
    """Its error's class, and how the run died where the class does not say it."""
    run = letter.run
    told = (
        run.cause in (DeathCause.failed, DeathCause.no_worker) or run.cause.replace("-", "") in run.error_type.lower()
    )
    return visible(run.error_type if told else f"{run.error_type} ({run.cause})")


def action_row(action: LetterAction) -> list[str]:
    """One line of the audit trail."""
    return [f"{action.at.astimezone():%Y-%m-%d %H:%M:%S}", action.by, f"{action.was} → {action.state}", action.note]


def visible(text: str) -> str:
    """Without what moves a terminal's cursor."""
    return "".join(character if character.isprintable() else "�" for character in text.replace("\n", " "))


def _row(letter: Letter, now: datetime, links: Links) -> list[str | Text]:
    run = letter.run
    return [
        Text(str(letter.id), style=_link(links.run(run.workflow_id, run.run_id))),
        visible(run.workflow_id),
        error_of(letter),
        run.step or "",
        str(run.attempts or ""),
        _ago(run.failed_at, now),
        state_text(letter.state),
        letter.fingerprint,
    ]


def _ago(at: datetime, now: datetime) -> str:
    return f"{duration(now - at)} ago"


def _link(url: str) -> str:
    return f"link {url}"


def _without_command(message: str) -> str:
    return message.partition(" Redrive: `")[0]
