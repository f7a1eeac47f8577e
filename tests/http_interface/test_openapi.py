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
OPERATIONS = [
    (f"{method.upper()} {path}", operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]

PROBES = {"GET /healthz", "GET /readyz"}
KEYLESS = PROBES | {"POST /webhooks/payments"}  # the provider signs instead
BY_LINK = {"GET /reports/{report_id}/file"}


def _examples() -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Where it stands, its schema, the example."""
    for name, operation in OPERATIONS:
        bodies = {f"{name} {status}": response for status, response in operation["responses"].items()}
        if "requestBody" in operation:
            bodies[name] = operation["requestBody"]
        for where, body in bodies.items():
            for media_type, content in body.get("content", {}).items():
                assert content.get("examples"), f"{where} {media_type} has no example"
                for title, example in content["examples"].items():
                    yield f"{where} {title}", content["schema"], example["value"]
        for parameter in operation.get("parameters", ()):
            for title, example in parameter["examples"].items():
                yield f"{name} {parameter['name']} {title}", parameter["schema"], example["value"]


@pytest.mark.parametrize(("schema", "example"), [pytest.param(*rest, id=where) for where, *rest in _examples()])
def test_each_example_fits_its_schema(schema: dict[str, Any], example: Any) -> None:
    jsonschema_rs.validator_for({**schema, "components": DOCUMENT["components"]}).validate(example)


@pytest.mark.parametrize(("name", "operation"), OPERATIONS, ids=[name for name, _ in OPERATIONS])
def test_each_operation_is_described(name: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["description"]
    assert all(parameter["description"] and parameter["examples"] for parameter in operation.get("parameters", ()))
    for status, response in operation["responses"].items():
        assert response["description"], status
        if int(status) >= 400 and (name, status) != ("GET /readyz", "503"):
            assert list(response["content"]) == [MEDIA_TYPE]
    by_link: list[dict[str, list[str]]] = [{"ReportLink": []}] if name in BY_LINK else []
    assert operation.get("security", []) == ([] if name in KEYLESS else [{"ApiKey": []}, *by_link])
    if name not in PROBES:
        assert "WWW-Authenticate" in operation["responses"]["401"]["headers"]
        assert "Retry-After" in operation["responses"]["503"]["headers"]


def test_ids_of_operations_are_those_that_generated_clients_are_named_by() -> None:
    assert {operation["operationId"] for _, operation in OPERATIONS} == {
        "place_order",
        "get_order",
        "ask_for_report",
        "get_report",
        "get_report_file",
        "get_job",
        "cancel_job",
        "receive_payment_event",
        "healthz",
        "readyz",
    }


def test_all_that_is_described_is_used_and_all_that_is_used_is_described() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    text = str(DOCUMENT)
    assert {name for name in schemas if f"#/components/schemas/{name}'" not in text} == set()
    assert "ValidationError" not in text
    assert DOCUMENT["components"]["securitySchemes"]["ApiKey"]["scheme"] == "bearer"


async def test_it_is_served_and_nothing_that_loads_scripts_from_elsewhere(shared: Served) -> None:
    assert (await shared.http.get("/openapi.json")).json() == DOCUMENT
    for page in ("/docs", "/redoc", "/docs/oauth2-redirect"):
        assert (await shared.http.get(page)).status_code == 404
