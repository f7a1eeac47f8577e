"""A mail server's answers, translated into the domain's errors.

Messages say the phase, the code and the enhanced status code (RFC 3463), never the server's text: servers quote
addresses and user names in it, and messages are kept in Temporal's history.

| answer | at | error |
| --- | --- | --- |
| 421, 450, 451 or 452 with an enhanced code of `RATE` | anywhere but STARTTLS and AUTH | RateLimited |
| other 4xx | anywhere | ServiceUnavailable |
| 5xx | AUTH; 530, 534, 535 and 538 anywhere | AuthenticationFailed |
| 5xx | RCPT TO | RecipientRejected |
| 5xx | elsewhere | MessageRejected |
| nothing sensible | the final dot | OutcomeUnknown |
| nothing sensible | elsewhere | ServiceUnavailable |

`RATE` is what large receivers say when they throttle: any 4.7.x (Postfix' and Gmail's limits, Outlook's 4.7.500 and
up), 4.2.1 (Gmail: this mailbox receives too fast), 4.4.5 (congestion) and 4.5.3 (too many recipients). A plain 451 is a
server with a problem of its own. With STARTTLS and AUTH, 454 4.7.0 means that those are out of order.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from aiosmtplib import SMTPResponse

from domain.errors import (
    AuthenticationFailed,
    ConnectionBroken,
    JobError,
    MessageRejected,
    NetworkTimeout,
    OutcomeUnknown,
    RateLimited,
    RecipientRejected,
    ServiceUnavailable,
)


class Phase(StrEnum):
    """Where a conversation with a mail server stands; the values end up in messages."""

    connect = "connecting"
    ehlo = "EHLO"
    starttls = "STARTTLS"
    auth = "AUTH"
    mail = "MAIL FROM"
    rcpt = "RCPT TO"
    data = "DATA"
    text = "sending the text"
    dot = "the final dot"
    rset = "RSET"
    noop = "NOOP"


class Answer(NamedTuple):
    """What is kept of an answer: `250 2.0.0`."""

    code: int
    enhanced: str

    def __str__(self) -> str:
        return f"{self.code} {self.enhanced}".rstrip()


CLOSING = 421
_ABOUT_US = frozenset({530, 534, 535, 538})
_THROTTLING = frozenset({421, 450, 451, 452})
_RATE = re.compile(r"4\.7\.\d+|4\.2\.1|4\.4\.5|4\.5\.3")
_ENHANCED = re.compile(r"([245])\.\d{1,3}\.\d{1,3}(?=\s|$)")


def read_answer(response: SMTPResponse) -> Answer:
    """Take the codes out of a response and leave its text."""
    enhanced = _ENHANCED.match(response.message)
    if enhanced is None or int(enhanced[1]) != response.code // 100:
        return Answer(response.code, "")
    return Answer(response.code, enhanced[0])


def refusal(answer: Answer, phase: Phase) -> JobError:
    """The error for an answer that is not the one that the phase needs."""
    told = f"{answer} at {phase}"
    kind = answer.code // 100
    if kind == 5:
        if phase is Phase.auth or answer.code in _ABOUT_US:
            return AuthenticationFailed(told)
        return RecipientRejected(told) if phase is Phase.rcpt else MessageRejected(told)
    if kind == 4:
        if phase in (Phase.starttls, Phase.auth) or answer.code not in _THROTTLING:
            return ServiceUnavailable(told)
        return RateLimited(told) if _RATE.fullmatch(answer.enhanced) else ServiceUnavailable(told)
    if phase is Phase.dot:
        return OutcomeUnknown(f"an answer that makes no sense at {phase}")
    return ServiceUnavailable(f"an answer that makes no sense at {phase}")


def timed_out(phase: Phase) -> JobError:
    """The error for a phase that took longer than its limit."""
    if phase is Phase.dot:
        return OutcomeUnknown(f"no answer in time at {phase}: the mail may have been accepted")
    return NetworkTimeout(f"no answer in time at {phase}")


def broken(phase: Phase) -> JobError:
    """The error for a connection that could not be made, or broke off."""
    if phase is Phase.dot:
        return OutcomeUnknown(f"the connection broke at {phase}: the mail may have been accepted")
    return ConnectionBroken(f"the connection broke at {phase}")
