"""The request of the daily digest, and the alerts that dead letters raise."""

from __future__ import annotations

import re
from datetime import date

from domain.alert import NEVER_ALERTED
from domain.alerts import ABOUT_LIMIT, NO_SPACE, Alert, AlertKind
from domain.dead_letters import DeadLetter
from domain.scheduling import ScheduledRequest
from domain.values import Value


class DeadLetterDigestRequest(ScheduledRequest):
    """Remind operators once a day of the dead letters that are still open."""

    kind = "dead-letter-digest"


class Reminded(Value):
    """The result of a digest."""

    open: int = 0
    """Dead letters that are not acknowledged, redriven, resolved or discarded."""


def alert_of(letter: DeadLetter, *, again: bool = False) -> Alert | None:
    """The alert of a dead letter that is new, or open `again`; None for kinds that are never alerted.

    Alerts with the same cause share one message.
    """
    if letter.kind in NEVER_ALERTED:
        return None
    about = "/".join(part for part in (letter.kind, letter.error_type, letter.step) if part)
    # The same run may be stuck, continue and fail, several times.
    key = f"{letter.run_id}/{letter.cause}/{letter.state_at:%Y%m%dT%H%M%S}" if again else letter.run_id
    return _alert(AlertKind.dead_letter, letter, key, about)


def reminder_of(letter: DeadLetter, day: date, number: int, oldest: DeadLetter) -> Alert:
    """The alert that reminds of a dead letter on a day, one of `number` that are open."""
    about = f"{number} of them, the oldest since {oldest.failed_at:%Y-%m-%d %H:%M %Z}"
    return _alert(AlertKind.dead_letter_digest, letter, f"{day}/{letter.run_id}", about)


def _alert(kind: AlertKind, letter: DeadLetter, key: str, about: str) -> Alert:
    return Alert(
        kind=kind,
        key=key,
        about=re.sub(r"[\x00-\x1f\x7f]", " ", about)[:ABOUT_LIMIT],
        # A workflow id from elsewhere may be unusable in a command.
        job_id=letter.workflow_id if re.fullmatch(NO_SPACE, letter.workflow_id) else None,
        run_id=letter.run_id,
    )
