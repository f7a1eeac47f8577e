"""JSON bodies: refused with the place of what is wrong, never with a value."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from email.message import Message
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.exceptions import RequestValidationError

from domain.placing import TAGS
from starter.http.problems import FieldProblem, Problem, ProblemType

_MAX_ERRORS = 20
_MAX_POINTER = 200
_SUBJECT = re.compile("^(Input|String|List) should")
"""Of pydantic's sentences."""
_DETAILS = {
    "missing": "is missing",
    "extra_forbidden": "is no member that is known here",
    "string_unicode": "must be text that can be written in UTF-8: it has half of a surrogate pair",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "list_type": "must be an array",
}


def hash_of(operation: str, document: Any) -> bytes:
    """SHA-256 of what was asked for; neither white space nor the order of an object's members counts."""
    asked = json.dumps([operation, document], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(asked.encode()).digest()


def problem_of(request: Request, exc: RequestValidationError) -> Problem:
    """Why a body is refused."""
    errors = exc.errors()
    if not _is_json(request):
        return Problem(
            ProblemType.unsupported_media_type,
            "Send the body as `Content-Type: application/json`, in UTF-8.",
            headers={"Accept": "application/json"},
        )
    if (errors[0]["type"], errors[0]["loc"]) == ("missing", ("body",)):
        return Problem(ProblemType.malformed_request, "The body is empty: send a JSON object.")
    if errors[0]["type"] == "json_invalid":
        why = f"{errors[0]['ctx']['error']} at character {errors[0]['loc'][-1]}"
        return Problem(ProblemType.malformed_request, f"The body is not JSON: {why}.")
    return Problem(
        ProblemType.invalid_request,
        "The body does not fit; `errors` tells where, and what is expected.",
        errors=[FieldProblem(pointer=_pointer(error["loc"]), detail=_detail(error)) for error in errors[:_MAX_ERRORS]],
    )


def _is_json(request: Request) -> bool:
    # Python's reader of mail headers knows parameters, quotes and all.
    header = Message()
    header["Content-Type"] = request.headers.get("content-type", "")
    charset = header.get_content_charset("utf-8")
    return header.get_content_type() == "application/json" and charset in ("utf-8", "us-ascii")


def _detail(error: dict[str, Any]) -> str:
    if error["type"] == "value_error":
        return str(error["msg"]).removeprefix("Value error, ")
    return _DETAILS.get(error["type"]) or _SUBJECT.sub("must", error["msg"])


def _pointer(place: Sequence[str | int]) -> str:
    """RFC 6901's, as a URI's fragment. The name of an unknown member is the sender's, and may be anything."""
    inside = place[2:] if place[1:2] and place[1] in TAGS else place[1:]
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in inside)
    return ("#" + "".join("/" + quote(step, safe="~!$&'()*+,;=:@", errors="replace") for step in steps))[:_MAX_POINTER]
