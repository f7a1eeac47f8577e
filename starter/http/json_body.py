"""Reads a JSON body, and says what is wrong with it without repeating what it holds."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message
from typing import Any, Generic, NoReturn, TypeVar
from urllib.parse import quote

from fastapi import Request
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from starlette.requests import ClientDisconnect

from starter.http.problems import FieldProblem, Problem, ProblemType

Body = TypeVar("Body")

_MOST_ERRORS = 20
_LONGEST_POINTER = 200

_EXACT = 2**53
"""Below it, each whole number is a float of its own."""

_SUBJECT = re.compile("^(Input|String|List) should")
"""Of pydantic's sentences."""


@dataclass(frozen=True)
class Read(Generic[Body]):
    """A body that was read."""

    value: Body
    document: Any
    """As JSON has it."""

    def hash_with(self, *more: str) -> bytes:
        """SHA-256 of what was asked for; neither white space nor the order of an object's members counts."""
        asked = json.dumps([*more, self.document], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(asked.encode()).digest()


async def read_json(request: Request, adapter: TypeAdapter[Body], *, tagged: bool = False) -> Read[Body]:
    """Read the body as one JSON object. Raises a Problem: 400, 413, 415 or 422.

    `tagged`: the adapter is of a union whose members have tags.
    """
    _check_media_type(request)
    try:
        document = _parsed(await request.body())
    except ClientDisconnect:
        raise Problem(ProblemType.malformed_request, "The body broke off.") from None
    if not isinstance(document, dict):
        raise _invalid([FieldProblem(pointer="#", detail="must be an object")])
    try:
        return Read(adapter.validate_python(document), document)
    except ValidationError as exc:
        found = exc.errors(include_url=False, include_input=False)
        raise _invalid([_field_problem(error, tagged=tagged) for error in found[:_MOST_ERRORS]]) from None


def _check_media_type(request: Request) -> None:
    # Python's reader of mail headers knows parameters, quotes and all.
    header = Message()
    header["Content-Type"] = request.headers.get("content-type", "")
    charset = header.get_content_charset("utf-8")
    if header.get_content_type() != "application/json" or charset not in ("utf-8", "us-ascii"):
        raise Problem(
            ProblemType.unsupported_media_type,
            "Send the body as `Content-Type: application/json`, in UTF-8.",
            headers={"Accept": "application/json"},
        )


def _parsed(body: bytes) -> Any:
    if not body.strip():
        raise Problem(ProblemType.malformed_request, "The body is empty: send a JSON object.")
    try:
        # Decoded here: json would take UTF-16 and UTF-32 too.
        return json.loads(body.decode(), parse_float=_number, parse_constant=_no_number)
    except UnicodeDecodeError as exc:
        raise Problem(ProblemType.malformed_request, f"The body is not UTF-8: look at byte {exc.start + 1}.") from None
    except json.JSONDecodeError as exc:
        raise Problem(
            ProblemType.malformed_request, f"The body is not JSON: {exc.msg} at line {exc.lineno}, column {exc.colno}."
        ) from None
    except RecursionError:
        raise Problem(ProblemType.malformed_request, "The body is nested too deeply.") from None
    except ValueError:
        raise Problem(
            ProblemType.malformed_request, "The body is not JSON: it has NaN, Infinity, or a number of too many digits."
        ) from None


def _number(text: str) -> float:
    """As JSON Schema has it, 2.0 is an integer: some languages write theirs so."""
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < _EXACT else number


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def _invalid(errors: list[FieldProblem]) -> Problem:
    return Problem(
        ProblemType.invalid_request, "The body does not fit; `errors` tells where, and what is expected.", errors=errors
    )


def _field_problem(error: ErrorDetails, *, tagged: bool) -> FieldProblem:
    # Pydantic puts the tag first, which is not in the body.
    return FieldProblem(pointer=_pointer(error["loc"][1:] if tagged else error["loc"]), detail=_detail(error))


def _detail(error: ErrorDetails) -> str:
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "is no member that is known here"
        case "string_unicode":
            return "must be text that can be written in UTF-8: it has half of a surrogate pair"
        case "model_type":
            return "must be an object"
        case "value_error":
            return error["msg"].removeprefix("Value error, ")
        case "list_type":
            return "must be an array"
        case _:
            return _SUBJECT.sub("must", error["msg"])


def _pointer(place: Sequence[str | int]) -> str:
    """RFC 6901's, as a URI's fragment."""
    # The name of an unknown member is the sender's, and may be anything.
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in place)
    return ("#" + "".join("/" + quote(step, safe="~!$&'()*+,;=:@", errors="replace") for step in steps))[
        :_LONGEST_POINTER
    ]
