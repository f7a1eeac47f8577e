"""What a worker makes of the settings for versions and for single queues."""

from __future__ import annotations

import asyncio
import logging
import re
from contextlib import suppress
from datetime import timedelta

import pytest
from pydantic import ValidationError
from temporalio.client import Client

from adapters.configuration import problems
from adapters.worker_settings import WorkerSettings
from domain.ports import MailSender
from starter.deployments import DeploymentWatch, Version
from tests.worker.worker_process import output_of
from workflows.registry import registry
from workflows.slots import Slots, slots_of

MAILING = registry.get("order-confirmation")


def told(**variables: str) -> WorkerSettings:
    return WorkerSettings(**variables)  # type: ignore[arg-type]  # as the environment has them: texts


def test_queues_are_told_slots_and_rates_of_their_own() -> None:
    settings = told(queue_slots="reports:2, payments:10", queue_rates="payments:2.5")

    assert settings.slots_by_queue == {"reports": 2, "payments": 10}
    assert settings.rates_by_queue == {"payments": 2.5}


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"queue_slots": "reports"}, "WORKER_QUEUE_SLOTS: Value error, must be queues with numbers"),
        ({"queue_slots": "reports:2,reports:3"}, "names the queue reports twice"),
        ({"queue_slots": "reports:1.5"}, "must be whole numbers"),
        ({"queue_rates": "payments:0"}, "WORKER_QUEUE_RATES: Value error, must be queues with numbers above zero"),
        ({"deployment_name": "shop"}, "WORKER_BUILD_ID: Value error, goes together with WORKER_DEPLOYMENT_NAME"),
        ({"build_id": "1"}, "set both, or neither"),
        ({"deployment_name": "shop.eu", "build_id": "1"}, "WORKER_DEPLOYMENT_NAME: String should match"),
    ],
)
def test_what_makes_no_sense_is_refused_by_the_variables_name(variables: dict[str, str], problem: str) -> None:
    with pytest.raises(ValidationError) as refused:
        told(**variables)

    assert problem in "; ".join(problems(refused.value))


@pytest.mark.parametrize(("rate", "steps"), [(0.1, 1), (1.0, 5), (100.0, 8)])
def test_a_queue_with_a_rate_has_no_more_steps_than_begin_in_five_seconds(rate: float, steps: int) -> None:
    slots = slots_of("notifications", [MAILING], most=40, at_once={MailSender: 4}, rate=rate)

    assert slots == Slots(tasks=steps + 8, steps=steps)


async def test_a_limit_for_a_queue_that_is_not_there_stops_the_worker(environment: dict[str, str]) -> None:
    status, _, errors = await output_of(environment | {"WORKER_QUEUE_RATES": "mails:3"})

    assert status == 2
    assert "There is no queue 'mails' (WORKER_QUEUE_SLOTS, WORKER_QUEUE_RATES); there are: alerts," in errors


async def test_a_check_tells_whether_the_version_gets_jobs(environment: dict[str, str]) -> None:
    version = {"WORKER_DEPLOYMENT_NAME": "shop", "WORKER_BUILD_ID": "7"}

    _, out, _ = await output_of(environment | version, "--check")

    assert re.search(
        r"^OK +Deployment +shop 7 gets no jobs yet \(no version does\)\. To give it jobs: `temporal ", out, re.MULTILINE
    )


async def test_a_version_that_temporal_does_not_hear_of_is_told_of(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    def records() -> list[logging.LogRecord]:
        return [record for record in caplog.records if record.name == "starter.deployments"]

    watch = DeploymentWatch(client, Version("shop", "9"), every=timedelta(0))
    watching = asyncio.create_task(watch.keep_up())
    async with asyncio.timeout(60):
        while not records():  # noqa: ASYNC110  # a log has no event
            await asyncio.sleep(0.02)
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching

    (told,) = records()
    assert (told.levelname, told.message) == ("WARNING", "Temporal has not heard of this version")
    assert (told.__dict__["deployment"], told.__dict__["build_id"]) == ("shop", "9")
    assert not watch.takes_all
