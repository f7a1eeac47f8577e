"""What a worker does until it takes jobs, and how it refuses to start."""

from __future__ import annotations

import asyncio
import signal
import socket
from pathlib import Path

import pytest

from adapters.db import migrate
from demo.ports import free_port
from tests.databases import Databases
from tests.worker.conftest import Start
from tests.worker.worker_process import output_of
from workflows.registry import registry


@pytest.mark.long
async def test_a_worker_waits_for_what_is_away_and_gives_up_in_the_end(start: Start) -> None:
    away = {
        "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{free_port()}/shop",
        "TEMPORAL_ADDRESS": f"127.0.0.1:{free_port()}",
    }
    worker = await start(WORKER_STARTUP_WAIT="4", **away)

    gives_up = await worker.says("Gave up after 4 s (WORKER_STARTUP_WAIT)")

    assert await worker.ended() == 1
    waits = [line["message"] for line in worker.lines if "s left" in line["message"]]
    for value in away.values():
        address = value.rpartition("@")[2].partition("/")[0]
        assert any(address in message for message in waits)
        assert address in gives_up["message"]
    assert not any("\n" in line["message"] for line in worker.lines)


@pytest.mark.long
async def test_a_worker_starts_as_soon_as_the_schema_is_there(start: Start, databases: Databases) -> None:
    database = await databases.bare("later")
    port = free_port()
    worker = await start(WORKER_HTTP_PORT=str(port), DATABASE_URL=database)
    await worker.says("run `jobs setup`; still waiting")
    waiting = await worker.get("/readyz", address=f"http://127.0.0.1:{port}")
    other = await start(DATABASE_URL=database)
    await other.says("run `jobs setup`; still waiting")
    other.send(signal.SIGTERM)
    assert await other.ended() == 0, "one that waits ends at a signal"

    await migrate.upgrade(database)

    await worker.takes_jobs()
    assert (waiting.status_code, waiting.json()["state"]) == (503, "starting")
    assert "run `jobs setup`" in waiting.json()["needs"]["database"]["text"]


async def test_wrong_options_and_settings_end_a_worker_with_one_line_that_quotes_no_secret(
    environment: dict[str, str], tmp_path: Path
) -> None:
    profile = tmp_path / "temporal.toml"
    profile.write_text('[profile.default]\napi_key = "hush\n')
    refused = {
        "There is no queue 'letters'; there are: " + ", ".join(registry.queues()): {"queues": "notifications,letters"},
        "There is no queue 'mails' (WORKER_QUEUE_SLOTS, WORKER_QUEUE_RATES)": {"WORKER_QUEUE_RATES": "mails:3"},
        "SMTP_PORT": {"SMTP_PORT": "hush"},
        "DATABASE_URL": {"DATABASE_URL": "mysql://root:hush@127.0.0.1/shop"},
        "TOML parse error at line 2": {"TEMPORAL_CONFIG_FILE": str(profile)},
        "DATABASE_COMMAND_TIMEOUT": {"DATABASE_COMMAND_TIMEOUT": "30"},  # longer than an attempt
        "Number 1 of ALERT_URLS": {"ALERT_URLS": "nonsense://hush"},
        "JOBS_ENCRYPTION_KEYS": {"JOBS_ENCRYPTION_KEYS": "2026-11:hush"},
    }

    async def ended(wrong: dict[str, str]) -> tuple[int, str, str]:
        given = environment | wrong
        queues = given.pop("queues", "notifications")
        # A worker waits for Temporal to be configured; a check does not.
        check = ["--check"] if "TEMPORAL_CONFIG_FILE" in wrong else []
        return await output_of(given, "--queues", queues, *check)

    for message, (status, out, err) in zip(refused, await asyncio.gather(*map(ended, refused.values())), strict=True):
        assert (status, err.startswith("worker: "), err.count("\n")) == (2, True, 1), err
        assert message in err
        assert "hush" not in out + err


@pytest.mark.long
async def test_a_port_that_another_program_has_is_told(environment: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        status, _, err = await output_of(environment | {"WORKER_HTTP_PORT": str(taken.getsockname()[1])})

    assert status == 1
    assert "is taken by another program: set WORKER_HTTP_PORT" in err
