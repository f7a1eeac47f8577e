"""The course of a conversation with the mail server: each step limited in time, each failure translated."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from aiosmtplib import SMTPException, SMTPResponse, SMTPResponseException

from adapters.email.answers import Phase, broken, read_answer, refusal, timed_out
from adapters.settings import SmtpSettings
from domain.errors import ConnectionBroken, JobError, ServiceUnavailable

_COMMANDS_OF_A_SEND = 5
"""Limits of one `command_timeout` each: MAIL FROM on a kept connection that proves dead, and again on a new one;
RCPT TO; DATA; the text. A refusal is followed by RSET, but then the later ones are spared."""


def longest_send(smtp: SmtpSettings) -> timedelta:
    """The longest that a `send` can take: all its time limits together. To be less than its policy's attempt limit."""
    return timedelta(
        seconds=smtp.wait_timeout
        + smtp.connect_timeout
        + smtp.command_timeout * _COMMANDS_OF_A_SEND
        + smtp.data_timeout
    )


class Course:
    """Which phase a conversation is in, and until when that may last."""

    def __init__(self, phase: Phase, within: float | None) -> None:
        """`within` limits all phases together, in seconds."""
        self.phase = phase
        self._now = asyncio.get_running_loop().time
        self._end = None if within is None else self._now() + within
        self.limit = asyncio.timeout_at(self._end)

    def enter(self, phase: Phase, seconds: float) -> None:
        """Begin a phase that may last so long."""
        self.phase = phase
        until = self._now() + seconds
        self.limit.reschedule(until if self._end is None else min(until, self._end))


@asynccontextmanager
async def course(phase: Phase, within: float | None = None) -> AsyncIterator[Course]:
    """Hold a conversation, beginning with this phase. Raises the domain's errors for what goes wrong in it.

    Exceptions that may carry the server's text are cut off, since Temporal keeps an error's causes as well. One timer
    serves all phases; aiosmtplib's own limits go unused, since `wait_for` of Python 3.11 can lose a cancellation.
    """
    current = Course(phase, within)
    try:
        async with current.limit:
            yield current
    except TimeoutError:
        raise timed_out(current.phase) from None
    except SMTPResponseException as exc:
        raise refusal(read_answer(SMTPResponse(exc.code, exc.message)), current.phase) from None
    except (OSError, SMTPException) as exc:
        raise _not_connected(exc, current.phase) or broken(current.phase) from None


def _not_connected(exc: BaseException, phase: Phase) -> JobError | None:
    """What kept the connection from coming about; None where there was one."""
    if phase not in (Phase.connect, Phase.starttls):
        return None
    cause = exc.__cause__ if isinstance(exc, SMTPException) else exc
    if isinstance(cause, ssl.SSLError):
        return _tls_problem(cause)
    if isinstance(cause, socket.gaierror):
        return ConnectionBroken("the mail server's name does not resolve: check SMTP_HOST")
    if isinstance(cause, OSError) and cause.errno is not None:
        return ConnectionBroken(
            f"{errno.errorcode.get(cause.errno, cause.errno)} at {phase}: check SMTP_HOST and SMTP_PORT"
        )
    return None


def _tls_problem(exc: ssl.SSLError) -> ServiceUnavailable:
    """A transient error for a failed handshake, certificates included.

    A certificate that has just expired, or one node of several that shows a wrong one, is mended at the server without
    our doing, so a later attempt can succeed; and a permanent error would send every mail of that minute straight to
    the dead letters. Either way nothing is ever sent over a connection that could not be verified.
    """
    if isinstance(exc, ssl.SSLCertVerificationError):
        return ServiceUnavailable(
            f"the mail server's certificate cannot be verified (X.509 error {exc.verify_code}):"
            " check SMTP_HOST, SMTP_CA_FILE and the certificate"
        )
    return ServiceUnavailable("the TLS handshake with the mail server failed: check SMTP_PORT and SMTP_SECURITY")
