"""The header `Idempotency-Key`: a request that is sent again with the same key happens once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import Request, Response

from domain.api_keys import ApiKey
from domain.errors import OutcomeUnknown
from domain.idempotency import Answer, KeyReused, Repeatable, StillAtWork
from starter.http.openapi import header
from starter.http.problems import Problem, ProblemType, unavailable

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
_FORM = r"^[ -~]{1,255}$"

PARAMETER: dict[str, Any] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": (
        "Makes the request repeatable: the same key with the same body gets the same answer again, with "
        f"`{REPLAYED}: true`, and nothing happens a second time. Choose a new one, such as a UUID, for each. "
        "Kept for 24 hours, unless API_IDEMPOTENCY_KEPT says otherwise. Answers 400 to 499 and 5xx are not kept."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": _FORM},
    "examples": {"uuid": {"value": "0b8f4bb4-7a0e-4d7c-9d2c-5f1c8a1f6f55"}},
}
"""For the route's OpenAPI description."""

HEADERS: dict[str, Any] = {
    "Location": header("Path of what was made."),
    REPLAYED: header("`true` if the answer was given before, and nothing happened now.", required=False, const="true"),
}
"""Of an answer that is kept, for the route's OpenAPI description."""

PROBLEMS = (
    ProblemType.invalid_idempotency_key,
    ProblemType.still_at_work,
    ProblemType.idempotency_key_reused,
)
"""What a route can answer that heeds the header."""


def repeatable(request: Request, client: ApiKey, request_hash: bytes) -> Repeatable | None:
    """What makes the request repeatable; None where it has no key. Raises a Problem, 400, for a key that cannot be."""
    given = request.headers.getlist(HEADER)
    if not given:
        return None
    if len(given) > 1 or not re.fullmatch(_FORM, given[0]):
        raise Problem(
            ProblemType.invalid_idempotency_key, f"Send one {HEADER}, of 1 to 255 printable ASCII characters."
        )
    return Repeatable(client=client.name, key=given[0], request_hash=request_hash)


@contextmanager
def answering(request: Repeatable | None, unknown: str, otherwise: str) -> Iterator[None]:
    """Raise a Problem for what keeps a request from being answered.

    Where the connection broke at the commit, it says what is `unknown`, and what to do `otherwise`, without a key.
    """
    try:
        yield
    except KeyReused:
        raise Problem(
            ProblemType.idempotency_key_reused,
            f"This {HEADER} belongs to another request, with another body. Choose a new one.",
        ) from None
    except StillAtWork:
        raise Problem(
            ProblemType.still_at_work,
            f"The first request with this {HEADER} is still at work. Send the same again in a moment.",
            retry_after=1,
        ) from None
    except OutcomeUnknown:
        again = f"Send the same again, with its {HEADER}." if request else otherwise
        raise unavailable(f"The connection to the database broke at the very end: {unknown}. {again}") from None


def response_of(answer: Answer) -> Response:
    """The answer, given now or again."""
    headers = {"Location": answer.location} if answer.location else {}
    if answer.replayed:
        headers[REPLAYED] = "true"
    return Response(answer.body, answer.status, headers, "application/json")
