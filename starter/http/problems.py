"""Errors as RFC 9457 has them: one JSON form for all, `application/problem+json`.

A problem tells what to do, and neither a value of the request nor anything of our inside: those go to the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from http import HTTPStatus
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
_URN = "urn:durable-jobs:problem:"

RETRY_SOON = 5
"""Seconds of `Retry-After` where nothing better is known."""


class ProblemType(Enum):
    """What can go wrong: the last part of the problem's `type`, and its status."""

    malformed_request = "malformed-request", HTTPStatus.BAD_REQUEST
    invalid_idempotency_key = "invalid-idempotency-key", HTTPStatus.BAD_REQUEST
    unauthorized = "unauthorized", HTTPStatus.UNAUTHORIZED
    invalid_signature = "invalid-signature", HTTPStatus.UNAUTHORIZED
    invalid_link = "invalid-link", HTTPStatus.FORBIDDEN
    not_found = "not-found", HTTPStatus.NOT_FOUND
    method_not_allowed = "method-not-allowed", HTTPStatus.METHOD_NOT_ALLOWED
    request_timeout = "request-timeout", HTTPStatus.REQUEST_TIMEOUT
    still_at_work = "still-at-work", HTTPStatus.CONFLICT
    job_has_ended = "job-has-ended", HTTPStatus.CONFLICT
    event_id_reused = "event-id-reused", HTTPStatus.CONFLICT
    report_not_ready = "report-not-ready", HTTPStatus.CONFLICT
    report_not_made = "report-not-made", HTTPStatus.CONFLICT
    report_removed = "report-removed", HTTPStatus.GONE
    body_too_large = "body-too-large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    unsupported_media_type = "unsupported-media-type", HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    range_not_satisfiable = "range-not-satisfiable", HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    invalid_request = "invalid-request", HTTPStatus.UNPROCESSABLE_ENTITY
    idempotency_key_reused = "idempotency-key-reused", HTTPStatus.UNPROCESSABLE_ENTITY
    internal_error = "internal-error", HTTPStatus.INTERNAL_SERVER_ERROR
    unavailable = "unavailable", HTTPStatus.SERVICE_UNAVAILABLE

    @property
    def urn(self) -> str:
        """The `type` on the wire."""
        return _URN + self.value[0]

    @property
    def status(self) -> HTTPStatus:
        """The response's status."""
        return self.value[1]

    @property
    def title(self) -> str:
        """The same for each problem of this type."""
        return self.value[0].replace("-", " ").capitalize()


class FieldProblem(BaseModel):
    """What is wrong at one place of the body."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    pointer: Annotated[str, Field(max_length=300, examples=["#/items/0/quantity"])]
    """JSON pointer to the place, as a URI's fragment: `#/items/0/quantity`."""
    detail: Annotated[str, Field(examples=["must be greater than or equal to 1"])]
    """What it must be."""


class ProblemDocument(BaseModel):
    """RFC 9457's problem details."""

    model_config = ConfigDict(title="Problem", use_attribute_docstrings=True)

    type: Annotated[str, Field(examples=["urn:durable-jobs:problem:invalid-request"])]
    """Names the kind of problem; does not change."""
    title: str
    """The kind of problem in words."""
    status: Annotated[int, Field(ge=400, le=599)]
    """The response's status."""
    detail: Annotated[str, Field(examples=["The body does not fit; `errors` tells where, and what is expected."])]
    """What is wrong here, and what to do."""
    instance: str | None = None
    """Names this one occurrence, as the server's log does."""
    errors: list[FieldProblem] | None = None
    """Where the body is wrong, where it is that."""


class Problem(HTTPException):
    """Ends the request with a problem's response."""

    def __init__(
        self,
        kind: ProblemType,
        detail: str,
        *,
        errors: list[FieldProblem] | None = None,
        headers: Mapping[str, str] | None = None,
        retry_after: int | None = None,
        instance: str | None = None,
    ) -> None:
        """`retry_after` is in seconds."""
        retry = {} if retry_after is None else {"Retry-After": str(retry_after)}
        super().__init__(kind.status, detail, {**(headers or {}), **retry})
        self.kind = kind
        self.document = ProblemDocument(
            type=kind.urn, title=kind.title, status=kind.status, detail=detail, errors=errors, instance=instance
        )

    def response(self) -> Response:
        """The response that tells it."""
        return Response(
            self.document.model_dump_json(exclude_none=True),
            status_code=self.kind.status,
            headers=self.headers,
            media_type=MEDIA_TYPE,
        )


def unavailable(detail: str, retry_after: int = RETRY_SOON) -> Problem:
    """Something that we need is away for now."""
    return Problem(ProblemType.unavailable, detail, retry_after=retry_after)


def not_found(what: str) -> Problem:
    """There is no such thing."""
    return Problem(ProblemType.not_found, f"There is no {what}.")
