"""The OpenAPI description: what FastAPI derives from the routes, and what it cannot know."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from starter.http.examples import NEW_ORDERS, RESPONSES
from starter.http.orders import NEW_ORDER
from starter.http.problems import ProblemDocument
from starter.http.report_examples import NEW_REPORTS
from starter.http.reports import NEW_REPORT

_REF = "#/components/schemas/{model}"

_ABOUT = """
Places a shop's orders, has its reports made, and tells how the jobs fare that follow from them.

Errors are problem details (RFC 9457). What is answered with 503 or 409 and has a `Retry-After` can be sent again after
so many seconds; an order, or what asks for a report, with the same `Idempotency-Key`.
"""


def describe(app: FastAPI) -> dict[str, Any]:
    """The description of the app; made once."""
    if app.openapi_schema is None:
        app.openapi_schema = _described(app)
    return app.openapi_schema


def _described(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=_ABOUT.strip(), routes=app.routes, tags=app.openapi_tags
    )
    schemas = document["components"]["schemas"]
    # FastAPI adds its own form of errors to each route that has a parameter.
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for operations in document["paths"].values():
        for operation in operations.values():
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                del operation["responses"]["422"]
    new_order = NEW_ORDER.json_schema(ref_template=_REF)
    schemas.update(new_order.pop("$defs"))
    schemas["NewOrder"] = new_order | {"description": "An order of a customer who is there, or of a new one."}
    new_report = NEW_REPORT.json_schema(ref_template=_REF)
    schemas.update(new_report.pop("$defs"))
    schemas["NewReport"] = new_report
    problem = ProblemDocument.model_json_schema(ref_template=_REF)
    schemas.update(problem.pop("$defs"))
    schemas["Problem"] = problem
    # The body is read by hand, since FastAPI takes more than JSON for JSON, and repeats what it refuses.
    for path, model, examples in (("/orders", "NewOrder", NEW_ORDERS), ("/reports", "NewReport", NEW_REPORTS)):
        document["paths"][path]["post"]["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": _REF.format(model=model)}, "examples": examples}},
        }
    # Not given with the routes, since FastAPI leaves members out of them that are null.
    for (path, method, status), shown in RESPONSES.items():
        document["paths"][path][method]["responses"][status]["content"]["application/json"]["examples"] = shown
    return document
