"""How many jobs of a queue are at work at a time, and that an attempt has the time that its calls can take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar, Protocol

import pytest
from pydantic import ValidationError

from activities.interceptor import stopped_after
from adapters.configuration import problems
from adapters.job_settings import WorkerSettings
from domain.ports import MailSender
from workflows.limits import Slots, TimeLimitsContradict, check_time_limits, slots_of
from workflows.registry import Kind, registry

MAILING = registry.get("order-confirmation")
QUEUE = MAILING.queue
STOPPED = stopped_after(MAILING.policy.attempt_limit)
MOMENT = timedelta(milliseconds=1)


class Accounts(Protocol):
    """A port."""


class Letters(Protocol):
    """Another one."""


class Unlimited(Protocol):
    """A port without any limit."""


class Activities:
    def __init__(self, accounts: Accounts, letters: Letters, other: Unlimited) -> None: ...


class Repeating(Activities):
    calls: ClassVar[Mapping[type, int]] = {Letters: 3}


QUICK: Kind = replace(MAILING, activities=Activities, queue="quick")
MAILS = [replace(MAILING, queue=name) for name in ("a", "b", "c")]


@pytest.mark.parametrize(
    ("queue", "served", "limit", "connections", "rate", "expected"),
    [
        # A queue whose ports have no limit has the setting's number.
        ("quick", [QUICK, MAILING], 40, 4, None, Slots(tasks=40, steps=40)),
        # One that sends mail: two steps per connection, and some tasks on the way.
        (QUEUE, [MAILING], 40, 1, None, Slots(tasks=10, steps=2)),
        (QUEUE, [MAILING], 40, 4, None, Slots(tasks=16, steps=8)),
        (QUEUE, [MAILING], 40, 100, None, Slots(tasks=40, steps=40)),
        # Queues of one process share the connections, and have one step at least.
        ("a", [*MAILS[:2], QUICK], 40, 4, None, Slots(tasks=12, steps=4)),
        ("a", MAILS, 40, 1, None, Slots(tasks=9, steps=1)),
        # Kinds of one queue count as one.
        (QUEUE, [MAILING, replace(MAILING)], 40, 4, None, Slots(tasks=16, steps=8)),
        # The setting limits all, and leaves what Temporal needs.
        (QUEUE, [MAILING], 2, 4, None, Slots(tasks=2, steps=2)),
        # With a rate, no more steps than begin in five seconds.
        (QUEUE, [MAILING], 40, 4, 0.1, Slots(tasks=9, steps=1)),
        (QUEUE, [MAILING], 40, 4, 1.0, Slots(tasks=13, steps=5)),
        (QUEUE, [MAILING], 40, 4, 100.0, Slots(tasks=16, steps=8)),
    ],
)
def test_a_queue_has_as_many_slots_as_its_ports_serve(
    queue: str, served: list[Kind], limit: int, connections: int, rate: float | None, expected: Slots
) -> None:
    assert slots_of(queue, served, most=limit, at_once={MailSender: connections}, rate=rate) == expected


def check(activities: type, accounts: timedelta, letters: timedelta) -> None:
    kind: Kind = replace(MAILING, activities=activities)
    check_time_limits([kind], {Accounts: (accounts, "ACCOUNTS_TIMEOUT"), Letters: (letters, "LETTERS_TIMEOUT")})


def test_calls_that_can_take_longer_than_their_attempt_are_refused_with_what_to_change() -> None:
    check(Activities, STOPPED - 2 * MOMENT, MOMENT)
    check(Activities, MOMENT, STOPPED / 3)

    assert MAILING.policy.attempt_limit > STOPPED
    with pytest.raises(TimeLimitsContradict):
        check(Activities, STOPPED, timedelta())
    with pytest.raises(TimeLimitsContradict, match="LETTERS_TIMEOUT; or ACCOUNTS_TIMEOUT"):
        check(Activities, STOPPED / 3, STOPPED * 2 / 3)
    with pytest.raises(TimeLimitsContradict) as refused:
        check(Repeating, timedelta(), timedelta(seconds=100))
    assert str(refused.value) == (
        "The calls of an attempt of order-confirmation can take 300 s (3 calls of Letters of 100 s), but it is "
        "stopped after 190 s (policy notification). Lower LETTERS_TIMEOUT."
    )


def settings(**variables: str) -> WorkerSettings:
    return WorkerSettings(**variables)  # type: ignore[arg-type]  # as the environment has them: texts


def test_queues_have_slots_and_rates_of_their_own_by_settings() -> None:
    found = settings(queue_slots="reports:2, payments:10", queue_rates="payments:2.5")

    assert (found.slots_by_queue, found.rates_by_queue) == ({"reports": 2, "payments": 10}, {"payments": 2.5})


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
def test_a_wrong_setting_of_queues_and_versions_is_refused_by_its_name(variables: dict[str, str], problem: str) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(**variables)

    assert problem in "; ".join(problems(refused.value))
