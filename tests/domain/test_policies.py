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


@pytest.mark.parametrize(
    ("name", "retries", "first"),
    [("notification", 3, 5), ("payment", 5, 5), ("sync", 10, 5), ("report", 1, 5)],
)
def test_the_table_has_the_retries_and_doubling_waits_of_the_design(name: str, retries: int, first: int) -> None:
    policy = next(p for p in POLICIES if p.name == name)

    assert policy.retries == retries
    assert policy.max_attempts == retries + 1
    assert [w.total_seconds() for w in policy.waits] == [first * 2**n for n in range(retries)]


def test_webhooks_follow_the_multi_day_timetable_of_standard_webhooks() -> None:
    webhook = next(p for p in POLICIES if p.name == "webhook")

    assert [w.total_seconds() for w in webhook.waits] == [
        5,
        *(60 * m for m in (5, 30)),
        *(3600 * h for h in (2, 5, 10, 14, 20, 24)),
    ]


@given(policies)
def test_every_attempt_and_wait_of_a_policy_fits_its_deadline(policy: Policy) -> None:
    assert policy.longest() <= policy.deadline


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
def test_a_wait_is_drawn_between_w_and_2w_and_never_shorter_than_asked_for(
    policy: Policy, data: st.DataObject, source: random.Random, asked: timedelta | None
) -> None:
    attempts = data.draw(st.integers(1, policy.retries))

    verdict = after_failure(policy, attempts=attempts, left=timedelta(days=30), retry_after=asked, draw=source.uniform)

    shortest = policy.waits[attempts - 1]
    assert verdict.wait is not None
    assert verdict.wait >= shortest
    assert verdict.wait >= (asked or timedelta())
    assert verdict.wait <= max(shortest * 2, asked or timedelta())


@given(policies, st.integers(0, 3), waits_asked_for)
def test_after_the_last_attempt_there_is_no_other_whatever_was_asked_for(
    policy: Policy, more: int, asked: timedelta | None
) -> None:
    verdict = after_failure(
        policy, attempts=policy.max_attempts + more, left=an_hour, retry_after=asked, draw=random.uniform
    )

    assert verdict.wait is None
    assert f"last of {policy.max_attempts} attempts" in verdict.reason


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
