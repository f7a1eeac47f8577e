import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.policies import NOTIFICATION, POLICIES, Policy, after_failure, doubling

policies = st.sampled_from(POLICIES)
waits_asked_for = st.none() | st.floats(0, 10_000).map(lambda s: timedelta(seconds=s))
an_hour = timedelta(hours=1)


def test_the_table_has_the_retries_and_waits_of_the_design() -> None:
    waits = {policy.name: [wait.total_seconds() for wait in policy.waits] for policy in POLICIES}

    for name, retries in (("notification", 3), ("payment", 5), ("sync", 10), ("report", 1)):
        assert waits[name] == [5 * 2**n for n in range(retries)]
    # The multi-day timetable of Standard Webhooks.
    minutes, hours = [60 * m for m in (5, 30)], [3600 * h for h in (2, 5, 10, 14, 20, 24)]
    assert waits["webhook"] == [5, *minutes, *hours]
    assert all(policy.max_attempts == len(policy.waits) + 1 for policy in POLICIES)


def test_a_policy_whose_waits_pass_its_deadline_is_refused_when_it_is_written() -> None:
    with pytest.raises(ValidationError, match="past the deadline"):
        Policy(
            name="slow",
            waits=doubling(3),
            attempt_limit=timedelta(seconds=60),
            deadline=timedelta(minutes=5),
            purpose="none",
        )


@given(policies, st.data(), st.randoms(use_true_random=False), waits_asked_for)
def test_a_wait_is_drawn_between_w_and_2w_never_shorter_than_asked_for_and_there_is_none_after_the_last_attempt(
    policy: Policy, data: st.DataObject, source: random.Random, asked: timedelta | None
) -> None:
    attempts, left = data.draw(st.integers(1, policy.max_attempts + 2)), timedelta(days=30)

    verdict = after_failure(policy, attempts=attempts, left=left, retry_after=asked, draw=source.uniform)

    if attempts >= policy.max_attempts:
        assert verdict.wait is None
        assert f"last of {policy.max_attempts} attempts" in verdict.reason
    else:
        shortest, asked = policy.waits[attempts - 1], asked or timedelta()
        assert verdict.wait is not None
        assert max(shortest, asked) <= verdict.wait <= max(shortest * 2, asked)


@given(policies, st.data(), st.floats(-100, 1_000_000), waits_asked_for)
def test_a_wait_never_reaches_the_deadline_and_giving_up_says_why(
    policy: Policy, data: st.DataObject, left_seconds: float, asked: timedelta | None
) -> None:
    attempts = data.draw(st.integers(1, policy.retries))
    left = timedelta(seconds=left_seconds)

    verdict = after_failure(policy, attempts=attempts, left=left, retry_after=asked, draw=random.uniform)

    if verdict.wait is None:
        assert "deadline" in verdict.reason
        assert max(policy.waits[attempts - 1] * 2, asked or timedelta()) >= left
    else:
        assert verdict.wait < left
        assert verdict.reason == ""


def test_counting_attempts_starts_at_one() -> None:
    with pytest.raises(ValueError, match="at least one attempt"):
        after_failure(NOTIFICATION, attempts=0, left=an_hour, retry_after=None, draw=random.uniform)
