"""Thousands of mails that are due at once: each goes out once, and the mail server is not overrun.

`make crash` runs the same with the full numbers.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from itertools import repeat

import pytest

from adapters.settings import SmtpSettings
from domain.scheduled_email import ScheduledEmailRequest
from domain.scheduled_email_dispatch import ScheduledEmailDispatchRequest
from starter import JobDidNotComplete
from tests.outbox.processes import FULL
from tests.scheduled_jobs.conftest import Serving
from tests.scheduled_jobs.shop import Shop, becomes, references
from tests.smtp_server import Reply

pytestmark = pytest.mark.timeout(1800 if FULL else 180)

AT = datetime(2026, 3, 29, 3, tzinfo=UTC)


async def test_mails_that_are_due_at_once_go_out_once_each_over_no_more_connections_than_configured(
    shop: Shop, serving: Serving
) -> None:
    """Two dispatchers race, one address is refused, and one customer has none."""
    number = 5_000 if FULL else 150
    await shop.add_mails(number)
    await shop.add_mails(5, due="1 hour", address="later{}@example.com")
    await shop.run("UPDATE customers SET email = NULL WHERE email = 'customer3@example.com'")
    shop.mail_server.script("customer7@example.com", repeat(Reply(550, "5.1.1 unknown")))
    async with serving():
        requests = [ScheduledEmailDispatchRequest(at=AT.replace(minute=minute)) for minute in (0, 5)]
        dispatches = await asyncio.gather(*(shop.jobs.start(request) for request in requests))
        outcomes = [await dispatch.result() for dispatch in dispatches]
        # Beside those that wait for their time: one whose address is refused, one without an address.
        await becomes(shop.unsent, 5 + 2)
        with pytest.raises(JobDidNotComplete) as refused:
            await shop.jobs.of(ScheduledEmailRequest(email_id=await shop.mail_of("customer7@example.com"))).result()

        # What was sent, and what failed for good, is not dispatched again.
        later = await shop.jobs.start(ScheduledEmailDispatchRequest(at=AT.replace(minute=10)))
        assert references([await later.result()]) == ["queued 0"]

    assert sum(int(str(each).removeprefix("queued ")) for each in references(outcomes)) == number
    assert refused.value.error_type == "RecipientRejected"
    sent = set(range(1, number + 1)) - {3, 7}
    assert shop.mails() == {f"customer{each}@example.com": 1 for each in sent}
    assert shop.mail_server.peak <= SmtpSettings.model_fields["connections"].default
    assert shop.mail_server.violations == []
