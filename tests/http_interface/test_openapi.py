"""The OpenAPI description is complete, and its examples fit its schemas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from starter.api import make_app
from starter.http.problems import MEDIA_TYPE
from tests.http_interface.serving import Served

DOCUMENT = make_app().openapi()
OPERATIONS = {
    operation["operationId"]: operation
    for operations in DOCUMENT["paths"].values()
    for operation in operations.values()
}
PROBES = {"healthz", "readyz"}
KEYLESS = PROBES | {"receive_payment_event"}  # the provider signs instead


def _examples() -> Iterator[tuple[str, dict[str, Any], Any]]:
    """The place, its schema, the example."""
    for name, operation in OPERATIONS.items():
        for body in operation.get("requestBody", {}).get("content", {}).values():
            for title, example in body.get("examples", {}).items():
                yield f"{name} {title}", body["schema"], example["value"]
        for parameter in operation.get("parameters", ()):
            for title, example in parameter["examples"].items():
                yield f"{name} {parameter['name']} {title}", parameter["schema"], example["value"]
    for name, schema in DOCUMENT["components"]["schemas"].items():
        for part, inner in {"": schema, **schema.get("properties", {})}.items():
            for number, example in enumerate(inner.get("examples", ())):
                yield f"{name}.{part} {number}", inner, example


@pytest.mark.parametrize(("schema", "example"), [pytest.param(*rest, id=where) for where, *rest in _examples()])
def test_each_example_fits_its_schema(schema: dict[str, Any], example: Any) -> None:
    jsonschema_rs.validator_for({**schema, "components": DOCUMENT["components"]}).validate(example)


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_is_described(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation["summary"]
    assert operation["description"]
    assert all(parameter["description"] and parameter["examples"] for parameter in operation.get("parameters", ()))
    for status, response in operation["responses"].items():
        assert response["description"], status
        if int(status) >= 400 and (name, status) != ("readyz", "503"):
            assert list(response["content"]) == [MEDIA_TYPE]
    by_link: list[dict[str, list[str]]] = [{"ReportLink": []}] if name == "get_report_file" else []
    assert operation.get("security", []) == ([] if name in KEYLESS else [{"ApiKey": []}, *by_link])
    if name not in PROBES:
        assert "WWW-Authenticate" in operation["responses"]["401"]["headers"]
        assert "Retry-After" in operation["responses"]["503"]["headers"]


def test_generated_clients_find_the_names_that_they_know_and_all_that_is_used() -> None:
    assert set(OPERATIONS) == {
        *("place_order", "get_order", "ask_for_report", "get_report", "get_report_file", "get_job", "cancel_job"),
        *("receive_payment_event", "healthz", "readyz"),
    }
    text = str(DOCUMENT)
    schemas = DOCUMENT["components"]["schemas"]
    assert {name for name in schemas if f"#/components/schemas/{name}'" not in text} == set()
    assert "ValidationError" not in text
    assert DOCUMENT["components"]["securitySchemes"]["ApiKey"]["scheme"] == "bearer"


async def test_it_is_served_and_nothing_that_loads_scripts_from_elsewhere(shared: Served) -> None:
    assert (await shared.http.get("/openapi.json")).json() == DOCUMENT
    for page in ("/docs", "/redoc", "/docs/oauth2-redirect"):
        assert (await shared.http.get(page)).status_code == 404
