"""The policy table: how often a step is tried, how long it waits, when it is given up. Plain data.

Source of the numbers: the project's retry rules (mail 3 retries, payments 5, data sync 10, reports 1) and, for
webhooks, the timetable that the Standard Webhooks specification recommends.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import chain

from pydantic import BaseModel, ConfigDict, model_validator

from domain.values import Value


class Policy(BaseModel):
    """How the steps of a kind are retried and limited in time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    waits: tuple[timedelta, ...]
    """Shortest wait before each retry, in order; the wait itself is drawn from [w, 2w]."""
    attempt_limit: timedelta
    """Time limit of one attempt (start to close): what its calls can take by their own limits, one after the other."""
    deadline: timedelta
    """Time limit of the step with all its attempts and waits (schedule to close)."""
    heartbeat: timedelta | None = None
    """A running attempt that is silent for longer counts as lost; None for steps too short to need it."""
    purpose: str

    @property
    def retries(self) -> int:
        """Attempts after the first."""
        return len(self.waits)

    @property
    def max_attempts(self) -> int:
        """All attempts, the first included."""
        return len(self.waits) + 1

    def longest(self) -> timedelta:
        """The longest that all attempts and waits can take, `Retry-After` aside."""
        return sum(self.waits, timedelta()) * 2 + self.attempt_limit * self.max_attempts

    @model_validator(mode="after")
    def _fits_its_deadline(self) -> Policy:
        if any(w <= timedelta() for w in self.waits):
            raise ValueError("every wait must be longer than nothing")
        if self.longest() > self.deadline:
            raise ValueError(
                f"policy {self.name!r}: attempts and waits can take {self.longest()}, past the deadline {self.deadline}"
            )
        return self


def doubling(retries: int, first: timedelta = timedelta(seconds=5)) -> tuple[timedelta, ...]:
    """Waits that double, as in 5 s, 10 s, 20 s."""
    return tuple(first * 2**n for n in range(retries))


def _hours(*hours: float) -> list[timedelta]:
    return [timedelta(hours=h) for h in hours]


NOTIFICATION = Policy(
    name="notification",
    waits=doubling(3),
    attempt_limit=timedelta(seconds=200),
    deadline=timedelta(minutes=15),
    purpose="mail, SMS; then dead letter",
)
PAYMENT = Policy(
    name="payment",
    waits=doubling(5),
    attempt_limit=timedelta(seconds=200),
    deadline=timedelta(hours=1),
    purpose="provider calls: money is critical",
)
SYNC = Policy(
    name="sync",
    waits=doubling(10),
    attempt_limit=timedelta(seconds=120),
    deadline=timedelta(hours=6),
    purpose="search index and other eventual consistency",
)
REPORT = Policy(
    name="report",
    waits=doubling(1),
    attempt_limit=timedelta(minutes=30),
    deadline=timedelta(hours=2),
    heartbeat=timedelta(seconds=30),
    purpose="the user can ask again",
)
MAINTENANCE = Policy(
    name="maintenance",
    waits=doubling(3),
    attempt_limit=timedelta(minutes=30),
    deadline=timedelta(hours=3),
    heartbeat=timedelta(seconds=30),
    purpose="what schedules start; the next run goes on",
)
WEBHOOK = Policy(
    name="webhook",
    waits=tuple(
        chain(
            [timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30)],
            _hours(2, 5, 10, 14, 20, 24),
        )
    ),
    attempt_limit=timedelta(seconds=120),
    deadline=timedelta(days=7),
    purpose="outgoing webhooks (Standard Webhooks' timetable)",
)

ALERT = Policy(
    name="alert",
    waits=doubling(11),
    attempt_limit=timedelta(seconds=200),
    deadline=timedelta(hours=7),
    purpose="telling operators: what is down with the rest is given hours",
)

POLICIES: tuple[Policy, ...] = (NOTIFICATION, PAYMENT, SYNC, REPORT, MAINTENANCE, WEBHOOK, ALERT)


class Verdict(Value):
    """What becomes of a step whose attempt failed in a way that a retry can mend."""

    wait: timedelta | None
    """Wait before the next attempt; None where the step is given up."""
    reason: str = ""
    """Why it is given up; empty where it goes on."""


def after_failure(
    policy: Policy,
    *,
    attempts: int,
    left: timedelta,
    retry_after: timedelta | None,
    draw: Callable[[float, float], float],
) -> Verdict:
    """Decide what follows a failed attempt.

    `attempts` counts all attempts made, this one included; `left` is what remains until the step's deadline; `draw`
    picks a number between two (`random.uniform`). Raises ValueError where `attempts` is less than 1.
    """
    if attempts < 1:
        raise ValueError("at least one attempt was made when one has failed")
    if attempts >= policy.max_attempts:
        return Verdict(wait=None, reason=f"That was the last of {policy.max_attempts} attempts.")
    shortest = policy.waits[attempts - 1].total_seconds()
    wait = timedelta(seconds=draw(shortest, 2 * shortest))
    if retry_after is not None:
        wait = max(wait, retry_after)
    if wait >= left:
        return Verdict(
            wait=None,
            reason=(
                f"Given up after {attempts} of {policy.max_attempts} attempts: the next wait of "
                f"{wait.total_seconds():.0f} s would pass the deadline of {policy.deadline} for this step."
            ),
        )
    return Verdict(wait=wait)
