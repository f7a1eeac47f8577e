"""JSON bodies: parsed strictly, and refused with the place of what is wrong, never with a value."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Coroutine, Sequence
from email.message import Message
from typing import Any, NoReturn
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from domain.placing import TAGS
from starter.http.problems import FieldProblem, Problem, ProblemType

_MAX_ERRORS = 20
_MAX_POINTER = 200
_EXACT = 2**53
"""Below it, each whole number is a float of its own."""

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


class JsonRoute(APIRoute):
    """A route whose body is JSON, without NaN, and with whole numbers in any notation."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See `APIRoute`."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await handler(_JsonRequest(request.scope, request.receive))

        return handle


class _JsonRequest(Request):
    async def json(self) -> Any:
        """The document; or a Problem, which fits no model, so that a request without a key is refused for that."""
        if not hasattr(self, "_json"):
            self._json = _parsed(await self.body())
        return self._json


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
    if isinstance(exc.body, Problem):
        return exc.body
    if (errors[0]["type"], errors[0]["loc"]) == ("missing", ("body",)):
        return _malformed("is empty: send a JSON object.")
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


def _parsed(body: bytes) -> Any:
    if not body.strip():
        return _malformed("is empty: send a JSON object.")
    try:
        # Decoded here: json would take UTF-16 and UTF-32 too.
        return json.loads(body.decode(), parse_float=_number, parse_constant=_no_number)
    except UnicodeDecodeError as exc:
        return _malformed(f"is not UTF-8: see byte {exc.start + 1}.")
    except json.JSONDecodeError as exc:
        return _malformed(f"is not JSON: {exc.msg} at line {exc.lineno}, column {exc.colno}.")
    except RecursionError:
        return _malformed("is nested too deeply.")
    except ValueError:
        return _malformed("is not JSON: it has NaN, Infinity, or a number of too many digits.")


def _malformed(what: str) -> Problem:
    return Problem(ProblemType.malformed_request, f"The body {what}")


def _number(text: str) -> float:
    """As JSON Schema has it, 2.0 is an integer: some languages write theirs so."""
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < _EXACT else number


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def _detail(error: dict[str, Any]) -> str:
    if error["type"] == "value_error":
        return str(error["msg"]).removeprefix("Value error, ")
    return _DETAILS.get(error["type"]) or _SUBJECT.sub("must", error["msg"])


def _pointer(place: Sequence[str | int]) -> str:
    """RFC 6901's, as a URI's fragment. The name of an unknown member is the sender's, and may be anything."""
    inside = place[2:] if place[1:2] and place[1] in TAGS else place[1:]
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in inside)
    return ("#" + "".join("/" + quote(step, safe="~!$&'()*+,;=:@", errors="replace") for step in steps))[:_MAX_POINTER]
