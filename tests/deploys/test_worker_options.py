"""What a worker makes of the settings for versions and for single queues."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from adapters.configuration import problems
from adapters.job_settings import WorkerSettings
from domain.ports import MailSender
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
