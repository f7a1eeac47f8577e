"""The compose file's own commands, environment and health checks do what they are for, in their order."""

from __future__ import annotations

import asyncio
import json
import signal

import httpx
import pytest

from demo.inbox.reader import InboxReader
from tests.deploy import monitoring
from tests.deploy.machine import Machine

ORDER = {
    "customer": {"name": "Ada Lovelace", "email": "ada@customer.example.com", "locale": "en"},
    "currency": "EUR",
    "items": [{"name": "Teapot", "quantity": 1, "unit_price": 3900}],
    "payment": "later",
}
WORKERS = ("worker", "worker-reports", "worker-upkeep")


@pytest.mark.timeout(300)
async def test_the_services_come_up_do_a_job_and_end_in_time(machine: Machine) -> None:
    import time; t=[time.time()]
    status, said = await machine.once("setup")
    assert status == 0, said

    t.append(time.time())
    for name in (*WORKERS, "api"):
        await machine.start(name)
    await asyncio.gather(*(machine.healthy(name) for name in (*WORKERS, "api")))

    t.append(time.time())
    made = await machine.command("jobs", "api-keys", "create", "storefront", "--json", of="api")
    api = f"http://127.0.0.1:{machine.running['api'].port}"
    async with (
        httpx.AsyncClient(base_url=api, headers={"Authorization": f"Bearer {json.loads(made)['key']}"}, trust_env=False)
        as shop,
        InboxReader(machine.stack.inbox_url) as inbox,
        asyncio.timeout(60),
    ):
        placed = (await shop.post("/orders", json=ORDER)).raise_for_status().json()
        while not (mails := await inbox.mails()):
            await asyncio.sleep(0.1)
        job = (await shop.get(placed["links"]["job"])).raise_for_status().json()
    assert [mail.envelope_to for mail in mails] == [("ada@customer.example.com",)]
    assert job["state"] in ("running", "completed")

    t.append(time.time())
    there = await monitoring.seen([f"http://127.0.0.1:{machine.running[name].port}" for name in WORKERS])
    assert not monitoring.unknown(there)

    t.append(time.time())
    ends = await asyncio.gather(*(machine.running[name].stop() for name in (*WORKERS, "api")))
    # uvicorn ends in good order, and then by the signal that it was sent.
    logs = {name: each.log.read_text(encoding="utf-8") for name, each in machine.running.items()}
    assert ends == [0, 0, 0, -signal.SIGTERM], logs
    assert "Application shutdown complete" in logs["api"]
    t.append(time.time()); print("TIMES", [round(b-a,1) for a,b in zip(t,t[1:])])
