"""No request that schemathesis thinks of gets an answer that the OpenAPI description doesn't promise."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import httpx
import pytest

from starter.api import make_app
from tests.http_interface.serving import PROBLEM, Served

pytestmark = pytest.mark.long

_HOOKS = "tests.http_interface.fuzzing_hooks"


async def test_whatever_is_sent_the_answer_is_one_that_is_described(shared: Served) -> None:
    before = await shared.count("orders")
    await shared.run("INSERT INTO staff (name, email, locale) VALUES ('Grace Hopper', 'grace@example.com', 'en_US')")
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")),
        *("run", f"{shared.url}/openapi.json", "--header", f"Authorization: Bearer {shared.key}"),
        # The same requests each time. Much is ruled out by the shapes of kinds and names, and that is no fault.
        *("--generation-deterministic", "--max-examples", "10", "--suppress-health-check", "filter_too_much"),
        *("--no-color", "--continue-on-failure"),
        env={**os.environ, "SCHEMATHESIS_HOOKS": _HOOKS},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    # It did get through to where orders are placed, and reports asked for.
    assert await shared.count("orders") > before + 20
    assert await shared.count("reports") > 5


_REPORT = "5f0c7a52-6f2e-4f4f-9a35-0f6c1f0f7c11"
_OPERATIONS = [
    (method.upper(), path.format(order_id=1, kind="order-confirmation", id="1", report_id=_REPORT))
    for path, operations in make_app().openapi()["paths"].items()
    for method, operation in operations.items()
    if "security" in operation
]


@pytest.mark.parametrize(("method", "path"), _OPERATIONS)
@pytest.mark.parametrize("header", [None, "Bearer", "Bearer dj_000000000000_" + "0" * 64, "Basic Zm9vOmJhcg=="])
async def test_without_a_valid_key_nothing_is_answered_but_401(
    shared: Served, method: str, path: str, header: str | None
) -> None:
    async with httpx.AsyncClient(base_url=shared.url, trust_env=False) as http:
        answer = await http.request(method, path, headers={"Authorization": header} if header else {})
    assert (answer.status_code, answer.headers["content-type"]) == (401, PROBLEM)
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_all_but_the_probes_and_what_the_provider_signs_need_a_key() -> None:
    assert {path for _, path in _OPERATIONS} == {
        "/orders",
        "/orders/1",
        "/reports",
        f"/reports/{_REPORT}",
        f"/reports/{_REPORT}/file",
        "/jobs/order-confirmation/1",
    }
    assert len(_OPERATIONS) == 7
