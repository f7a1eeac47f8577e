"""The compose file's own commands, environment and health checks do what they are for, in their order."""

from __future__ import annotations

import asyncio
import json
import signal

import asyncpg
import httpx
import pytest
from google.protobuf.json_format import MessageToJson, Parse
from temporalio.api.common.v1 import Payloads
from temporalio.client import Client

from demo.inbox.reader import InboxReader
from tests.deploy import monitoring
from tests.deploy.machine import Machine

pytestmark = pytest.mark.long

ORDER = {
    "customer": {"name": "Ada Lovelace", "email": "ada@customer.example.com", "locale": "en"},
    "currency": "EUR",
    "items": [{"name": "Teapot", "quantity": 1, "unit_price": 3900}],
    "payment": "later",
}
WORKERS = ("worker", "worker-reports", "worker-upkeep")


async def request_of(job: str, *, at: str) -> Payloads:
    """What Temporal keeps of a job's request."""
    client = await Client.connect(at, namespace="shop")
    history = await client.get_workflow_handle(job).fetch_history()
    kept: Payloads = history.events[0].workflow_execution_started_event_attributes.input
    return kept


@pytest.mark.timeout(300)
async def test_the_services_come_up_do_a_job_and_end_in_time(machine: Machine) -> None:
    # The file of keys is empty yet, and nothing is encrypted; then there is one.
    status, said = await machine.once("setup")
    assert status == 0, said
    assert (machine.secrets / "encryption_keys").read_bytes() == b""
    machine.make_secrets("--encryption-key", "2026-11")

    for name in (*WORKERS, "api", "codec"):
        await machine.start(name)
    await asyncio.gather(*(machine.healthy(name) for name in (*WORKERS, "api", "codec")))

    made = await machine.command("jobs", "api-keys", "create", "storefront", "--json", of="api")
    api = f"http://127.0.0.1:{machine.running['api'].port}"
    async with (
        httpx.AsyncClient(
            base_url=api, headers={"Authorization": f"Bearer {json.loads(made)['key']}"}, trust_env=False
        ) as shop,
        InboxReader(machine.stack.inbox_url) as inbox,
        asyncio.timeout(60),
    ):
        placed = (await shop.post("/orders", json=ORDER)).raise_for_status().json()
        while not (mails := await inbox.mails()):  # noqa: ASYNC110  # another process
            await asyncio.sleep(0.1)
        job = (await shop.get(placed["links"]["job"])).raise_for_status().json()
    assert [mail.envelope_to for mail in mails] == [("ada@customer.example.com",)]
    assert job["state"] in ("running", "completed")

    made = await machine.command("jobs", "api-keys", "create", "ada", "--codec", "--json", of="api")
    kept = await request_of(job["id"], at=machine.stack.temporal_address)
    codec = f"http://127.0.0.1:{machine.running['codec'].port}"
    bearer = {"Authorization": f"Bearer {json.loads(made)['key']}"}
    async with httpx.AsyncClient(base_url=codec, headers=bearer, trust_env=False) as browser:
        answer = (await browser.post("/decode", content=MessageToJson(kept))).raise_for_status()
    assert [payload.metadata["encryption-key-id"] for payload in kept.payloads] == [b"2026-11"]
    [shown] = Parse(answer.text, Payloads()).payloads
    assert json.loads(shown.data) == {"order_id": placed["id"]}

    ports = [str(machine.running[name].port) for name in WORKERS]
    ports.append(machine.running["api"].environment["API_METRICS_PORT"])
    there = await monitoring.seen([f"http://127.0.0.1:{port}" for port in ports])
    assert not monitoring.unknown(there)

    ends = await asyncio.gather(*(machine.running[name].stop() for name in (*WORKERS, "api", "codec")))
    # uvicorn ends in good order, and then by the signal that it was sent.
    logs = {name: each.log.read_text(encoding="utf-8") for name, each in machine.running.items()}
    assert ends == [0, 0, 0, -signal.SIGTERM, -signal.SIGTERM], logs
    assert "Application shutdown complete" in logs["api"]
    assert "Application shutdown complete" in logs["codec"]


async def test_each_account_gets_into_its_own_databases_alone(machine: Machine) -> None:
    connection = await asyncpg.connect(machine.stack.postgres.url_of("postgres"))
    try:
        rows = await connection.fetch(
            "SELECT rolname, datname FROM pg_roles, pg_database"
            " WHERE rolname IN ('shop', 'temporal') AND datname IN ('shop', 'temporal', 'temporal_visibility')"
            " AND has_database_privilege(rolname, datname, 'CONNECT') ORDER BY 1, 2"
        )
        powers = await connection.fetch(
            "SELECT rolname FROM pg_roles WHERE rolname IN ('shop', 'temporal')"
            " AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolpassword IS NULL)"
        )
    finally:
        await connection.close()

    assert [tuple(row) for row in rows] == [
        ("shop", "shop"),
        ("temporal", "temporal"),
        ("temporal", "temporal_visibility"),
    ]
    assert not powers
