"""A kind whose calls can take longer than its attempt is refused, with what to change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar, Protocol

import pytest

from activities.interceptor import stopped_after
from workflows.registry import Kind, registry
from workflows.time_limits import TimeLimitsContradict, check_time_limits

CONFIRMATION = registry.get("order-confirmation")
LIMIT = CONFIRMATION.policy.attempt_limit
STOPPED = stopped_after(LIMIT)
MOMENT = timedelta(milliseconds=1)


class Accounts(Protocol):
    """A port."""


class Letters(Protocol):
    """Another one."""


class Unlimited(Protocol):
    """A port whose calls have no limit that anybody knows."""


class Activities:
    def __init__(self, accounts: Accounts, letters: Letters, other: Unlimited) -> None: ...


class Repeating(Activities):
    calls: ClassVar[Mapping[type, int]] = {Letters: 3}


def check(activities: type, accounts: timedelta, letters: timedelta) -> None:
    kind: Kind = replace(CONFIRMATION, activities=activities)
    check_time_limits([kind], {Accounts: (accounts, "ACCOUNTS_TIMEOUT"), Letters: (letters, "LETTERS_TIMEOUT")})


def test_calls_that_together_end_before_the_attempt_is_stopped_are_fine() -> None:
    check(Activities, STOPPED - 2 * MOMENT, MOMENT)


def test_an_attempt_is_stopped_before_its_limit_and_so_the_calls_have_less_than_that() -> None:
    assert STOPPED < LIMIT
    with pytest.raises(TimeLimitsContradict):
        check(Activities, STOPPED, timedelta())


def test_calls_that_fit_singly_are_refused_where_they_don_t_fit_one_after_the_other() -> None:
    with pytest.raises(TimeLimitsContradict, match="LETTERS_TIMEOUT; or ACCOUNTS_TIMEOUT"):
        check(Activities, STOPPED / 3, STOPPED * 2 / 3)


def test_a_port_counts_as_often_as_the_activities_say_that_they_call_it() -> None:
    check(Activities, MOMENT, STOPPED / 3)

    with pytest.raises(TimeLimitsContradict, match="3 calls of Letters"):
        check(Repeating, MOMENT, STOPPED / 3)


def test_the_refusal_names_kind_policy_calls_and_settings() -> None:
    with pytest.raises(TimeLimitsContradict) as refused:
        check(Repeating, timedelta(), timedelta(seconds=100))

    assert str(refused.value) == (
        "The calls of an attempt of order-confirmation can take 300 s (3 calls of Letters of 100 s), but it is "
        "stopped after 190 s (policy notification). Lower LETTERS_TIMEOUT."
    )
