"""How values become payloads and failures become history.

Rules on top of the SDK's pydantic converter:
- A request that doesn't fit its type fails at once, typed `InvalidRequest`, in a workflow as in an activity. By the
  SDK's default an activity would burn every attempt on it, and a workflow would hang in Running.
- Any other value that doesn't fit (a step's result, say) is one of another version of our own code: in a workflow it
  fails the task alone, which is tried again until a worker comes that knows the value. The run would be lost otherwise.
- No text that we did not write ourselves reaches history: pydantic quotes the value, drivers quote rows, mail servers
  quote addresses.
- What is encrypted under a key that is not here fails the task alone as well, and no attempt of a step: see
  `workflows/encryption.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ValidationError
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import DataConverter, DefaultFailureConverter, PayloadConverter
from temporalio.exceptions import ApplicationError, FailureError

from domain.encryption_keys import WHERE
from domain.errors import InvalidRequest, TransientError, describe, error_type
from domain.requests import JobRequest


class UnknownShape(TransientError, type_name="UnknownShape"):
    """A value is not of the form that this code knows."""

    remedy = "Another version of the code has made it: deploy that one here too."


ENCRYPTED = b"binary/encrypted"
"""Encoding of a payload that is encrypted."""
KEY_ID = "encryption-key-id"
"""What its metadata names the key by."""


class EncryptionKeyMissing(TransientError, type_name="EncryptionKeyMissing"):
    """A value is encrypted under a key that is not here."""

    remedy = f"Give this process that key too ({WHERE}); the job goes on by itself then."


def no_keys(key_id: str) -> EncryptionKeyMissing:
    """The error of a process that decrypts nothing."""
    return lacking(f"The encryption key {key_id!r} is needed, and there is none here at all.")


def lacking(what: str) -> EncryptionKeyMissing:
    """The error that says this, and what to do."""
    return EncryptionKeyMissing(f"{what} {EncryptionKeyMissing.remedy}")


def unreadable(key_id: str) -> str:
    """What is shown instead of a text that cannot be decrypted here."""
    return f"(encrypted under the key {key_id!r}, which is not in {WHERE})"


def key_id_of(payload: Payload) -> str | None:
    """Id of the key that a payload is encrypted under; None where it isn't."""
    if payload.metadata.get("encoding") != ENCRYPTED:
        return None
    return payload.metadata.get(KEY_ID, b"").decode(errors="replace")


class JobPayloadConverter(PydanticPayloadConverter):
    """JSON by pydantic. What does not fit raises without quoting the value.

    A request raises `ApplicationError` of type `InvalidRequest`, anything else `UnknownShape`.
    """

    def from_payloads(self, payloads: Sequence[Payload], type_hints: list[type] | None = None) -> list[Any]:
        """See `temporalio.converter.PayloadConverter`. Raises EncryptionKeyMissing for what no codec has decrypted."""
        try:
            values = super().from_payloads(payloads, type_hints)
        except ValidationError as exc:
            wrong = _misfit(exc)
        except (ValueError, KeyError):
            # Broken JSON, or an encoding that no converter knows.
            wrong = _NO_JSON
        else:
            # Encodings other than JSON (bytes, null) pay no heed to the type.
            if all(_fits(value, hint) for value, hint in zip(values, type_hints or (), strict=False)):
                return values
            wrong = _NO_JSON
        # Outside the handlers, so that what they handled is no context of it: pydantic's text quotes the values.
        for payload in payloads:
            if (key_id := key_id_of(payload)) is not None:
                raise no_keys(key_id)
        if any(isinstance(hint, type) and issubclass(hint, JobRequest) for hint in type_hints or ()):
            message = f"The arguments do not fit {wrong}. {InvalidRequest.remedy}"
            raise ApplicationError(message, type=InvalidRequest.type_name, non_retryable=True)
        raise UnknownShape(f"A value does not fit {wrong}. {UnknownShape.remedy}")


class PrivateFailureConverter(DefaultFailureConverter):
    """Keeps foreign texts out of history."""

    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        """See `temporalio.converter.FailureConverter`."""
        super().to_failure(_safe(exception), payload_converter, failure)
        if _made_here(exception):
            # It would tell how we raised it, at some length, and nothing of what went wrong.
            failure.stack_trace = ""

    def from_failure(self, failure: Failure, payload_converter: PayloadConverter) -> BaseException:
        """See `temporalio.converter.FailureConverter`.

        Where its texts are encrypted and no codec is there, the message says so; in a workflow, which would keep what
        it makes of that, this raises EncryptionKeyMissing.
        """
        key_id = key_id_of(failure.encoded_attributes)
        if key_id is not None:
            if workflow.in_workflow():
                raise no_keys(key_id)
            told, failure = failure, Failure()
            failure.CopyFrom(told)
            failure.ClearField("encoded_attributes")
            failure.message = unreadable(key_id)
        return super().from_failure(failure, payload_converter)


class EncodedFailureConverter(PrivateFailureConverter):
    """Moves messages and stack traces to where a payload codec gets at them."""

    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        """See `temporalio.converter.FailureConverter`."""
        super().to_failure(exception, payload_converter, failure)
        if failure.application_failure_info.type == EncryptionKeyMissing.type_name:
            # For those who have no key either: it names nothing but the key's id.
            return
        texts = {"message": failure.message, "stack_trace": failure.stack_trace}
        failure.encoded_attributes.CopyFrom(payload_converter.to_payloads([texts])[0])
        failure.message, failure.stack_trace = _ENCODED, ""


_ENCODED = "Encoded failure"
"""As Temporal's SDKs have it."""

_MAKERS = ("activities.interceptor", "workflows.interceptor")

_NO_JSON = "what is expected: it is not the JSON of that"


def _fits(value: object, hint: object) -> bool:
    return not (isinstance(hint, type) and issubclass(hint, BaseModel)) or isinstance(value, hint)


def _made_here(exception: BaseException) -> bool:
    """Whether one of our interceptors made this failure of another one."""
    trace = exception.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_globals.get("__name__") in _MAKERS


def _safe(exception: BaseException) -> BaseException:
    cause = exception.__cause__
    if isinstance(cause, ApplicationError) and cause.type == InvalidRequest.type_name:
        # The SDK wraps it, retryable and without a type, where an activity's arguments don't fit.
        return cause
    if isinstance(cause, EncryptionKeyMissing):
        # An activity's arguments: the step's attempts are not for that, so `workflows.steps` waits and begins anew. Of
        # a workflow's task this fails the task alone, whatever it says.
        return ApplicationError(describe(cause), type=EncryptionKeyMissing.type_name, non_retryable=True)
    if isinstance(cause, UnknownShape):
        # The SDK wraps this one too, and its own text says nothing.
        exception = cause
    if isinstance(exception, FailureError):
        return exception
    safe = ApplicationError(describe(exception), type=error_type(exception))
    safe.__traceback__ = exception.__traceback__
    safe.__cause__ = exception.__cause__
    # The context is whatever was handled at the time, not the reason.
    safe.__suppress_context__ = True
    return safe


def _misfit(exc: ValidationError) -> str:
    """Names the fields and what is wrong with them, by pydantic's error types; its messages quote the values."""
    wrong = [
        "an unknown field"
        if error["type"] == "extra_forbidden"
        else f"{'.'.join(str(part) for part in error['loc']) or 'the whole'}: {error['type']}"
        for error in exc.errors(include_url=False, include_context=False, include_input=False)
    ]
    return f"{exc.title}: {'; '.join(wrong[:5])}"


data_converter: DataConverter = replace(
    DataConverter.default,
    payload_converter_class=JobPayloadConverter,
    failure_converter_class=PrivateFailureConverter,
)
"""For every client and worker of the project; `starter.encryption.configured` adds the encryption that is set."""
