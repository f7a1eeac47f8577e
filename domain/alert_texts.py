"""What operators read: for each kind of alert what happened, what to do, and the command that helps."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from domain.alerts import Alert, AlertKind, AlertMessage, Gathered


@dataclass(frozen=True)
class Wording:
    """Of one kind of alert."""

    one: str
    """Title for one alert."""
    many: str
    """Title for several, with `{count}`."""
    happened: str
    todo: str
    command: Callable[[Alert], str | None]
    """For one example: what to type to see or to mend it."""


def _status(alert: Alert) -> str | None:
    return f"python -m starter status {shlex.quote(_shown(alert.job_id))}" if alert.job_id else None


def _redrive(alert: Alert) -> str | None:
    return f"python -m starter dead redrive {shlex.quote(_shown(alert.job_id))}" if alert.job_id else None


WORDINGS: Mapping[AlertKind, Wording] = {
    AlertKind.payment_event_reused: Wording(
        one="A payment event came again and says something else",
        many="{count} payment events came again and say something else",
        happened=(
            "A callback with a valid signature had the id of an event that was received before, and another content. "
            "It was answered with 409, and nothing was done: somebody reuses ids, or has our secret."
        ),
        todo=(
            "Look for the event at the payment provider. If the provider does not know it, change the callbacks' "
            "secret there and in PAYMENT_CALLBACK_SECRETS. The job below is that of the event which came first, "
            "where it has one."
        ),
        command=_status,
    ),
    AlertKind.outbox_refused: Wording(
        one="An enqueued job cannot be started",
        many="{count} enqueued jobs cannot be started",
        happened=(
            "The relay refused its entry in the outbox: the payload does not fit the kind's request, no code knows the "
            "kind, or Temporal does not accept the start. The entry is kept, with the error."
        ),
        todo="Read the error, fix its cause, then retry the entry. Discard what can never start.",
        command=lambda _: "python -m starter outbox list --refused",
    ),
    AlertKind.dead_letter: Wording(
        one="A job needs a person",
        many="{count} jobs need a person",
        happened=(
            "It failed for good, was stopped from outside, or does not come on by itself. The steps that it finished "
            "are kept. All of this message died of the same; `python -m starter dead groups` shows what else did."
        ),
        todo=(
            "Open the link, read the error, mend its cause, then redrive: the job goes on with the step that failed. "
            "What is not to be done any more is to be discarded."
        ),
        command=_redrive,
    ),
    AlertKind.dead_letter_digest: Wording(
        one="A job still needs a person",
        many="Jobs still need a person",
        happened=(
            "Nobody has acknowledged, redriven or discarded it since its alert. Of several, these are the oldest; "
            "`python -m starter dead list` shows all."
        ),
        todo="Redrive or discard it, or acknowledge it: what is acknowledged is not told of again.",
        command=_redrive,
    ),
}


def message_of(gathered: Gathered, *, reference: str, first: int, web_ui: str, namespace: str) -> AlertMessage:
    """The message about these alerts.

    `first` is the number under which they were gathered; `web_ui` and `namespace` are for links.
    """
    wording = WORDINGS[gathered.kind]
    title = wording.one if gathered.count == 1 else wording.many.format(count=gathered.count)
    if gathered.about:
        title = f"{title}: {gathered.about}"
    lines = [f"{title}.", _when(gathered), "", wording.happened, wording.todo, ""]
    for alert in gathered.examples:
        lines.append(f"- {_shown(alert.key)}")
        if alert.job_id is not None:
            lines.append(f"  {_link(alert.job_id, alert.run_id, web_ui, namespace)}")
        if (command := wording.command(alert)) is not None:
            lines.append(f"  {command}")
    if more := gathered.count - len(gathered.examples):
        command = f"SELECT key, job_id FROM alerts WHERE told_with = {first}"  # noqa: S608  # for people to read
        lines.append(f"and {more} more: {command}")
    lines += ["", f"Message {reference}"]
    return AlertMessage(title=title, text="\n".join(lines), reference=reference)


def _when(gathered: Gathered) -> str:
    if gathered.began_at is None or gathered.ended_at is None:
        return ""
    began, ended = (f"{moment:%Y-%m-%d %H:%M:%S %Z}" for moment in (gathered.began_at, gathered.ended_at))
    return f"At {began}." if began == ended else f"From {began} to {ended}."


def _link(job_id: str, run_id: str | None, web_ui: str, namespace: str) -> str:
    base = f"{web_ui}/namespaces/{quote(namespace, safe='')}/workflows/{quote(job_id, safe='')}"
    return f"{base}/{quote(run_id, safe='')}" if run_id else base


def _shown(text: str) -> str:
    """Others made it: what would move a terminal's cursor is not passed on."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)
