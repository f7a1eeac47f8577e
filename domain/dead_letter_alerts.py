"""What people are told of a dead letter."""

from __future__ import annotations

import re
from datetime import date

from domain.alert import NEVER_ALERTED
from domain.alerts import NO_SPACE, Alert, AlertKind
from domain.dead_letters import Letter

_ABOUT_LIMIT = 200


def alert_of(letter: Letter, *, again: bool = False) -> Alert | None:
    """The alert of a letter that is new, or open `again`; None for kinds that are never alerted.

    A hundred that died of the same are told in one message.
    """
    run = letter.run
    if run.kind in NEVER_ALERTED:
        return None
    about = "/".join(part for part in (run.kind, run.error_type, run.step) if part)
    # Another cause, where it was stuck, came on, and is dead now.
    key = f"{run.run_id}/{run.cause}/{letter.state_at:%Y%m%dT%H%M%S}" if again else run.run_id
    return _alert(AlertKind.dead_letter, letter, key, about)


def reminder_of(letter: Letter, day: date, number: int, oldest: Letter) -> Alert:
    """The alert by which people are reminded of a letter on a day: one of this number that are open."""
    about = f"{number} of them, the oldest since {oldest.run.failed_at:%Y-%m-%d %H:%M %Z}"
    return _alert(AlertKind.dead_letter_digest, letter, f"{day}/{letter.run.run_id}", about)


def _alert(kind: AlertKind, letter: Letter, key: str, about: str) -> Alert:
    job_id = letter.run.workflow_id
    return Alert(
        kind=kind,
        key=key,
        about=re.sub(r"[\x00-\x1f\x7f]", " ", about)[:_ABOUT_LIMIT],
        # An id that somebody else made up may be one that no command could hold.
        job_id=job_id if re.fullmatch(NO_SPACE, job_id) else None,
        run_id=letter.run.run_id,
    )
