"""How values become payloads and failures become history.

Two rules on top of the SDK's pydantic converter:
- What doesn't fit its type fails at once, typed `InvalidRequest`, in a workflow as in an activity. By the SDK's default
  an activity would burn every attempt on it, and a workflow would hang in Running.
- No text that we did not write ourselves reaches history: pydantic quotes the value, drivers quote rows, mail servers
  quote addresses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import DataConverter, DefaultFailureConverter, PayloadConverter
from temporalio.exceptions import ApplicationError, FailureError

from domain.errors import InvalidRequest, describe, error_type


class JobPayloadConverter(PydanticPayloadConverter):
    """JSON by pydantic; what does not fit raises `ApplicationError` of type `InvalidRequest`, without the value."""

    def from_payloads(self, payloads: Sequence[Payload], type_hints: list[type] | None = None) -> list[Any]:
        """See `temporalio.converter.PayloadConverter`."""
        try:
            values = super().from_payloads(payloads, type_hints)
        except ValidationError as exc:
            refusal = _misfit(exc)
        except (ValueError, KeyError):
            # Broken JSON, or an encoding that no converter knows.
            refusal = _NO_JSON
        else:
            # Encodings other than JSON (bytes, null) pay no heed to the type.
            if all(_fits(value, hint) for value, hint in zip(values, type_hints or (), strict=False)):
                return values
            refusal = _NO_JSON
        # Outside the handlers, so that what they handled is no context of it: pydantic's text quotes the values.
        raise ApplicationError(refusal, type=InvalidRequest.__name__, non_retryable=True)


class PrivateFailureConverter(DefaultFailureConverter):
    """Keeps foreign texts out of history."""

    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        """See `temporalio.converter.FailureConverter`."""
        super().to_failure(_safe(exception), payload_converter, failure)
        if _made_here(exception):
            # It would tell how we raised it, at some length, and nothing of what went wrong.
            failure.stack_trace = ""


_MAKERS = ("activities.interceptor", "workflows.interceptor")

_NO_JSON = f"The arguments are not the JSON that the job expects. {InvalidRequest.remedy}"


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
    if isinstance(cause, ApplicationError) and cause.type == InvalidRequest.__name__:
        # The SDK wraps it, retryable and without a type, where an activity's arguments don't fit.
        return cause
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
    return f"The arguments do not fit {exc.title}: {'; '.join(wrong[:5])}. {InvalidRequest.remedy}"


data_converter: DataConverter = replace(
    DataConverter.default,
    payload_converter_class=JobPayloadConverter,
    failure_converter_class=PrivateFailureConverter,
)
"""For every client and worker of the project."""
