"""What can go wrong with a job. An error's class is its retry decision.

Messages end up in Temporal's history, where anyone with access to the Web UI can read them: they carry codes, ids and
counts, never names, addresses, texts of a receiver's answer or secrets.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar


class NamedError(Exception):
    """An error that other programs know by a name: in Temporal's history, in tables, in JSON documents."""

    type_name: ClassVar[str]
    """The name. It stays when the class is renamed; a class that gives none has its own name."""

    def __init_subclass__(cls, *, type_name: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.type_name = type_name or cls.__name__


class JobError(NamedError, type_name="JobError"):
    """The job failed."""

    remedy: ClassVar[str] = ""
    """What a person should do about it; becomes the end of a failed run's message."""

    def __init__(self, message: str | None = None) -> None:
        """Take the first line of the class's docstring as the message where none is given."""
        self.message = message or (type(self).__doc__ or self.type_name).strip().splitlines()[0]
        super().__init__(self.message)


class TransientError(JobError, type_name="TransientError"):
    """The step failed in a way that a later attempt can mend."""

    remedy = "Check that the system it talks to is up again, then redrive the job."

    def __init__(self, message: str | None = None, *, retry_after: timedelta | None = None) -> None:
        """`retry_after` is the shortest wait that the other side asked for (HTTP's Retry-After)."""
        super().__init__(message)
        self.retry_after = retry_after


class RateLimited(TransientError, type_name="RateLimited"):
    """The other side asked us to slow down."""


class ServiceUnavailable(TransientError, type_name="ServiceUnavailable"):
    """The other side is out of order for now."""


class NetworkTimeout(TransientError, type_name="NetworkTimeout"):
    """The other side did not answer in time."""


class ConnectionBroken(TransientError, type_name="ConnectionBroken"):
    """The connection could not be made, or broke off."""


class OutcomeUnknown(TransientError, type_name="OutcomeUnknown"):
    """The connection broke after the last byte was sent: whether the other side accepted is unknown."""


class AttemptTimedOut(TransientError, type_name="AttemptTimedOut"):
    """The attempt did not end within its time limit."""


class PermanentError(JobError, type_name="PermanentError"):
    """The step failed in a way that no later attempt can mend."""

    remedy = "Mend the cause, then redrive the job."


class InvalidRequest(PermanentError, type_name="InvalidRequest"):
    """The other side, or we ourselves, cannot make sense of the request."""

    remedy = "Start the job again with a request that fits its kind (see `jobs kinds`)."


class AuthenticationFailed(PermanentError, type_name="AuthenticationFailed"):
    """The other side does not accept our credentials."""

    remedy = "Correct the credentials in the worker's settings, restart it, then redrive the job."


class PermissionDenied(PermanentError, type_name="PermissionDenied"):
    """Our credentials do not permit this."""

    remedy = "Have the permission granted, then redrive the job."


class NotFound(PermanentError, type_name="NotFound"):
    """The other side does not know what the request names."""


class Conflict(PermanentError, type_name="Conflict"):
    """The request contradicts the state of what it names."""


class Gone(PermanentError, type_name="Gone"):
    """What the request names was removed for good."""


class RecipientRejected(PermanentError, type_name="RecipientRejected"):
    """The mail server refuses the recipient's address for good."""

    remedy = "Correct the customer's address, then redrive the job."


class MessageRejected(PermanentError, type_name="MessageRejected"):
    """The mail server refuses the message for good."""

    remedy = "Ask the mail server's operator why it refuses our mail, then redrive the job."


PERMANENT = sorted(
    cls.type_name
    for cls in (
        PermanentError,
        InvalidRequest,
        AuthenticationFailed,
        PermissionDenied,
        NotFound,
        Conflict,
        Gone,
        RecipientRejected,
        MessageRejected,
    )
)
"""Names of the permanent errors here: every policy's non-retryable error types.

Those that other modules declare need no entry: the activity's interceptor marks each failure by its class.
"""


def error_type(exc: BaseException) -> str:
    """Name of an error on the wire: its `type_name`; of any other exception its class's name.

    With the module if we have a permanent error of that name: a library's own `NotFound` does not mean that a retry
    cannot help.
    """
    if isinstance(exc, NamedError):
        return exc.type_name
    name = type(exc).__name__
    return f"{type(exc).__module__}.{type(exc).__qualname__}" if name in PERMANENT else name


UNFORESEEN = "Look the exception up in the worker's log, mend the cause, then redrive the job."
"""Remedy for an exception that nobody foresaw."""


def describe(exc: BaseException) -> str:
    """What history may hold of an exception: a `JobError`'s message, and of any other its class and place.

    The text of an exception that nobody foresaw can quote anything, so it stays in the worker's log.
    """
    if isinstance(exc, JobError):
        return exc.message
    name = f"{type(exc).__module__}.{type(exc).__qualname__}".removeprefix("builtins.")
    last, trace = None, exc.__traceback__
    while trace:
        last, trace = trace, trace.tb_next
    place = ""
    if last:
        code = last.tb_frame.f_code
        place = f" in {code.co_filename.rpartition('/')[2]}:{last.tb_lineno} ({code.co_name})"
    return f"Unforeseen {name}{place}; its text is in the worker's log."
