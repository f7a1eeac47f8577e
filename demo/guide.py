"""What every station of the tour needs: place an order, see how its job ends, look into the inbox, judge."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from demo.display import Display
from demo.inbox.reader import InboxReader, ReceivedMail, RefusedMail
from demo.shop_client import Answer, ShopClient
from demo.visit import Visit
from demo.worker_part import SENDER
from domain.mail import message_id
from domain.order_confirmation import OrderConfirmationRequest
from domain.outcomes import Declined, Done, Outcome, Skipped
from starter import JobDidNotComplete, JobHandle, Jobs
from starter.http.job_views import JobView
from starter.status import JobState

LIMIT = 60.0
"""Seconds after which a station waits no longer for a job that should end at once."""

End = Outcome | JobDidNotComplete | None
"""How a job ended; None where it has not."""


class Guide:
    """Leads through one visit, and remembers whether everything was as it said."""

    def __init__(
        self, visit: Visit, jobs: Jobs, shop: ShopClient, inbox: InboxReader, inbox_url: str, display: Display
    ) -> None:
        """`inbox_url` is that of the inbox's page."""
        self.visit = visit
        self.jobs = jobs
        self.shop = shop
        self.inbox = inbox
        self.display = display
        self._inbox_url = inbox_url
        self.checked = 0
        self.unmet = 0

    def station(self, number: int, title: str, expectation: str) -> None:
        """Say what comes now, and what is to be expected."""
        self.display.heading(f"{number}  {title}")
        self.display.line(f"   Expected: {expectation}")

    def expect(self, text: str, *, met: bool) -> None:
        """Tell what was seen, and whether it was as expected."""
        self.checked += 1
        self.unmet += not met
        self.display.verdict(text, met=met)

    def expect_placed(self, answer: Answer) -> None:
        """Tell how an order was taken."""
        took = answer.took.total_seconds() * 1000
        self.expect(
            f"POST /orders: {answer.status} after {took:.0f} ms, Location: {answer.location}",
            met=answer.status == 202 and answer.location == f"/orders/{answer.order.id}",
        )

    async def start(self, order_id: int) -> JobHandle:
        """Start the confirmation of an order that is there, or is not."""
        return await self.jobs.start(OrderConfirmationRequest(order_id=order_id))

    async def end(self, handle: JobHandle) -> End:
        """Wait for a job's end."""
        try:
            async with asyncio.timeout(LIMIT):
                return await handle.result()
        except JobDidNotComplete as exc:
            return exc
        except TimeoutError:
            return None

    async def ended(self, answer: Answer) -> JobView:
        """Wait for the end of a placed order's job; returns how it stands then."""
        return await self.shop.ended(answer.job, LIMIT)

    async def mails(self, order_id: int, address: str | None = None) -> list[ReceivedMail]:
        """What arrived of an order's confirmation: by its Message-ID, and by its customer's address."""
        found = {mail.id: mail for mail in await self.inbox.mails(confirmation_id(order_id))}
        if address:
            found |= {mail.id: mail for mail in await self.inbox.mails(address)}
        return list(found.values())

    async def refusals(self, address: str | None) -> list[RefusedMail]:
        """How often an address was refused, oldest first."""
        return sorted((r for r in await self.inbox.refusals() if r.recipient == address), key=lambda one: one.at)

    async def expect_mails(self, order_id: int, address: str | None, count: int) -> list[ReceivedMail]:
        """Look whether so many mails of an order's confirmation arrived; returns them."""
        found = await self.mails(order_id, address)
        self.expect(f"{mails_of(len(found))} in the inbox", met=len(found) == count)
        return found

    def links(self, web_ui: str | None, mails: Sequence[ReceivedMail] | None = None) -> None:
        """Where to see it."""
        if web_ui:
            self.display.link("Web UI", web_ui)
        for mail in mails or ():
            self.display.link("the mail", f"{self._inbox_url}/mails/{mail.id}")


def confirmation_id(order_id: int) -> str:
    """Message-ID of an order's confirmation."""
    return message_id(OrderConfirmationRequest(order_id=order_id).workflow_id, SENDER.partition("@")[2])


def told(end: End) -> str:
    """How a job ended, for people."""
    match end:
        case None:
            return f"has not ended after {LIMIT:.0f} s"
        case JobDidNotComplete():
            return f"failed with {end.error_type}"
        case Done():
            return "done"
        case Skipped() | Declined():
            return f"{end.outcome}: {end.reason}"


def told_of(job: JobView) -> str:
    """How a job ended, or fares, for people."""
    if job.state is JobState.completed:
        return told(job.outcome)
    return f"{job.state} with {job.error.type}" if job.error and job.error.type else job.state


def mails_of(count: int) -> str:
    """`no mail`, `1 mail`, `2 mails`."""
    return f"{count or 'no'} mail{'' if count < 2 else 's'}"
