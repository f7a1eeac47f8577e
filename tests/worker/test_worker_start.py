"""What a worker does until it takes jobs, and what it says where it can't."""

from __future__ import annotations

import signal
import socket

import pytest

from adapters.db import migrate
from demo.ports import free_port
from tests.worker.conftest import Place, Start
from tests.worker.worker_process import output_of
from workflows.registry import registry


async def test_a_worker_takes_jobs(start: Start, place: Place) -> None:
    worker = await start()

    job = await place("ada@example.com")

    assert (await job.result()).outcome == "done"
    line = await worker.says("Job ended")
    assert (line["workflow_id"], line["workflow_type"], line["action"]) == (job.id, "OrderConfirmation", "completed")
    assert line["business_id"] == job.id.partition("/")[2]


@pytest.mark.parametrize("variable", ["DATABASE_URL", "TEMPORAL_ADDRESS"])
async def test_a_worker_waits_for_what_is_away_and_gives_up_in_the_end(start: Start, variable: str) -> None:
    away = {
        "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{free_port()}/shop",
        "TEMPORAL_ADDRESS": f"127.0.0.1:{free_port()}",
    }
    worker = await start(WORKER_STARTUP_WAIT="4", **{variable: away[variable]})

    waits = await worker.says("s left")
    gives_up = await worker.says("Gave up after 4 s (WORKER_STARTUP_WAIT)")

    assert await worker.ended() == 1
    address = away[variable].rpartition("@")[2].partition("/")[0]
    assert address in waits["message"]
    assert address in gives_up["message"]
    assert "\n" not in waits["message"] + gives_up["message"]


async def test_a_worker_starts_as_soon_as_the_schema_is_there(start: Start, database: str) -> None:
    await migrate.downgrade(database, "base")
    worker = await start()
    await worker.says("run `jobs setup`; still waiting")

    await migrate.upgrade(database)

    await worker.takes_jobs()


async def test_a_worker_that_still_waits_ends_when_told_to(start: Start) -> None:
    worker = await start(DATABASE_URL=f"postgresql://postgres@127.0.0.1:{free_port()}/shop")
    await worker.says("still waiting")

    worker.send(signal.SIGTERM)

    assert await worker.ended() == 0


async def test_a_queue_that_no_kind_has_is_refused_with_the_known_ones(environment: dict[str, str]) -> None:
    status, _, err = await output_of(environment, "--queues", "notifications,letters")

    assert status == 2
    assert err == f"worker: There is no queue 'letters'; there are: {', '.join(registry.queues())}.\n"


async def test_a_setting_that_makes_no_sense_is_named_without_its_value(environment: dict[str, str]) -> None:
    status, _, err = await output_of(environment | {"SMTP_PORT": "hush", "MAIL_FROM_NAME": "Shop"})

    assert status == 2
    assert "SMTP_PORT" in err
    assert "hush" not in err


async def test_a_database_url_that_makes_no_sense_is_not_quoted(environment: dict[str, str]) -> None:
    status, _, err = await output_of(environment | {"DATABASE_URL": "mysql://root:hush@127.0.0.1/shop"})

    assert status == 2
    assert "DATABASE_URL" in err
    assert "hush" not in err


async def test_a_broken_profile_file_is_not_quoted(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    profile = tmp_path_factory.mktemp("profile") / "temporal.toml"
    profile.write_text('[profile.default]\napi_key = "hush\n')

    status, out, err = await output_of(environment | {"TEMPORAL_CONFIG_FILE": str(profile)}, "--check")

    assert status == 2
    assert "TOML parse error at line 2" in err
    assert "hush" not in out + err


async def test_time_limits_longer_than_an_attempt_are_refused(environment: dict[str, str]) -> None:
    status, _, err = await output_of(environment | {"DATABASE_COMMAND_TIMEOUT": "30"}, "--queues", "notifications")

    assert status == 2
    assert "DATABASE_COMMAND_TIMEOUT" in err
    assert "order-confirmation" in err


async def test_a_port_that_another_program_has_is_told(environment: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        status, _, err = await output_of(environment | {"WORKER_HTTP_PORT": str(taken.getsockname()[1])})

    assert status == 1
    assert "is taken by another program: set WORKER_HTTP_PORT" in err
