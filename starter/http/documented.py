"""Problems as a route's OpenAPI description has them."""

from __future__ import annotations

from typing import Any

from starter.http.examples import PROBLEMS
from starter.http.problems import MEDIA_TYPE, ProblemType

SCHEMA = {"$ref": "#/components/schemas/Problem"}

SIGNATURE = "Webhook-Signature"
"""Of `WWW-Authenticate`: a request is to be signed as the payment provider signs its callbacks."""

_RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds after which to try again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    }
}
_CHALLENGE = {
    "WWW-Authenticate": {
        "description": "How to authenticate.",
        "required": True,
        "schema": {"type": "string", "pattern": "^Bearer"},
    }
}
_HEADERS = {
    ProblemType.unauthorized: _CHALLENGE,
    ProblemType.invalid_signature: {
        "WWW-Authenticate": {
            "description": "What is missing.",
            "required": True,
            "schema": {"type": "string", "const": SIGNATURE},
        }
    },
    ProblemType.still_at_work: _RETRY_AFTER,
    # Not of one that could not be made, which has the same status.
    ProblemType.report_not_ready: {"Retry-After": {**_RETRY_AFTER["Retry-After"], "required": False}},
    ProblemType.range_not_satisfiable: {
        "Content-Range": {
            "description": "The file's length: `bytes */length`.",
            "required": True,
            "schema": {"type": "string", "pattern": r"^bytes \*/[0-9]+$"},
        }
    },
    ProblemType.unavailable: _RETRY_AFTER,
}

ALWAYS = (ProblemType.unauthorized, ProblemType.body_too_large, ProblemType.internal_error, ProblemType.unavailable)
"""What any route can answer that needs an API key."""


def problems(*kinds: ProblemType) -> dict[int | str, dict[str, Any]]:
    """Responses with a problem, for a route's `responses`."""
    described: dict[int | str, dict[str, Any]] = {}
    for kind in sorted(kinds, key=lambda kind: kind.status):
        response = described.setdefault(
            int(kind.status),
            {"description": kind.status.phrase, "content": {MEDIA_TYPE: {"schema": SCHEMA, "examples": {}}}},
        )
        response["content"][MEDIA_TYPE]["examples"][kind.value[0]] = {"summary": kind.title, "value": _example(kind)}
        if kind in _HEADERS:
            response["headers"] = _HEADERS[kind]
    return described


def _example(kind: ProblemType) -> dict[str, Any]:
    return {"type": kind.urn, "title": kind.title, "status": int(kind.status), **PROBLEMS[kind]}
