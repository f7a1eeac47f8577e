"""A job's status has its step, attempt and last error while it waits for the next attempt."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.errors import ServiceUnavailable
from starter import Jobs, OrderConfirmationRequest
from tests.fakes import FakeMail
from tests.starter.serving import Serving, becomes
from workflows.registry import registry

STEP = next(iter(registry.get("order-confirmation").steps()))
LONG = timedelta(minutes=10)


@pytest.mark.parametrize("attempt", [2, 3], ids=["timer of the workflow", "timer of the server"])
async def test_a_job_shows_its_attempts_while_it_waits_for_the_next_one(
    jobs: Jobs, serving: Serving, order_id: int, attempt: int
) -> None:
    request = OrderConfirmationRequest(order_id=order_id * 1000 + attempt)
    before = [ServiceUnavailable("452 4.3.0 at RCPT TO")] * (attempt - 2)
    mail = FakeMail(*before, ServiceUnavailable("450 4.3.0 at RCPT TO", retry_after=LONG))
    async with serving(request.order_id, mail=mail):
        handle = await jobs.start(request)
        status = await becomes(handle, lambda status: status.next_attempt_at is not None and status.attempt == attempt)

    assert (status.step, status.max_attempts) == (STEP, 4)
    assert (status.error_type, status.message) == ("ServiceUnavailable", "450 4.3.0 at RCPT TO.")
    assert status.next_attempt_at is not None
    assert status.next_attempt_at > status.started_at + LONG / 2
