"""The OpenAPI description: what FastAPI derives from the routes, and the problems that it cannot know."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from starter.http.problems import MEDIA_TYPE, ProblemDocument, ProblemType

_ABOUT = """
Places a shop's orders, has its reports made, and shows the jobs that follow from them.

Errors are problem details (RFC 9457); each response lists the last parts of the `type`s that it can have. A 503 or 409
with a `Retry-After` can be sent again after that many seconds; an order, or a request for a report, with the same
`Idempotency-Key`.
"""

ALWAYS = (ProblemType.unauthorized, ProblemType.body_too_large, ProblemType.internal_error, ProblemType.unavailable)
"""What any route can answer that needs an API key."""


def header(description: str, *, required: bool = True, **schema: Any) -> dict[str, Any]:
    """A response's header."""
    return {"description": description, "required": required, "schema": {"type": "string", **schema}}


_RETRY_AFTER: dict[str, Any] = {
    "description": "Seconds after which to try again.",
    "schema": {"type": "integer", "minimum": 1},
}
_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": header("How to authenticate.", pattern="^(Bearer|Webhook-Signature)")},
    # Not of a report that failed, or a job that has ended.
    409: {"Retry-After": _RETRY_AFTER},
    416: {"Content-Range": header("The file's length: `bytes */length`.", pattern=r"^bytes \*/[0-9]+$")},
    503: {"Retry-After": _RETRY_AFTER | {"required": True}},
}


def problems(*kinds: ProblemType) -> dict[int | str, dict[str, Any]]:
    """Responses with a problem, for a route's `responses`."""
    described: dict[int | str, dict[str, Any]] = {}
    for status in sorted({int(kind.status) for kind in kinds}):
        names = ", ".join(f"`{kind.value[0]}`" for kind in kinds if kind.status == status)
        content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        described[status] = {"description": names, "content": content, "headers": _HEADERS.get(status, {})}
    return described


def describe(app: FastAPI) -> dict[str, Any]:
    """The description of the app; made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=_ABOUT.strip(), routes=app.routes, tags=app.openapi_tags
        )
        schemas = document["components"]["schemas"]
        # FastAPI adds its own form of errors to each route that has a parameter.
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        for operation in (each for path in document["paths"].values() for each in path.values()):
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                del operation["responses"]["422"]
        problem = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= {**problem.pop("$defs"), "Problem": problem}
        app.openapi_schema = document
    return app.openapi_schema
