"""The header `Idempotency-Key`: a request that is sent again with the same key happens once."""

from __future__ import annotations

import re
from typing import Any

from fastapi import Request

from domain.api_keys import ApiKey
from domain.idempotency import Repeatable
from starter.http.problems import Problem, ProblemType

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
_FORM = r"^[ -~]{1,255}$"

PARAMETER: dict[str, Any] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": (
        "Makes the request repeatable: the same key with the same body gets the same answer again, with "
        f"`{REPLAYED}: true`, and nothing happens a second time. Choose a new one, such as a UUID, for each order. "
        "Kept for 24 hours, unless API_IDEMPOTENCY_KEPT says otherwise. Answers 400 to 499 and 5xx are not kept."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": _FORM},
    "examples": {"uuid": {"value": "0b8f4bb4-7a0e-4d7c-9d2c-5f1c8a1f6f55"}},
}
"""For the route's OpenAPI description."""


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
