"""The station in which Temporal is stopped while orders and callbacks come in, and started again."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from demo.blocking import to_its_end
from demo.checkout import Checkout
from demo.guide import LIMIT, Guide, confirmation_id, mails_of
from demo.meanwhile import meanwhile
from demo.payments.controller import ProviderController
from demo.shop_client import Answer
from demo.temporal_server import TemporalServer
from domain.outcomes import Done
from domain.payments import PaymentState
from starter.http.job_views import ENQUEUED, JobView

_LIKE = 1070
"""Order of the data set, which is paid online here."""
_ORDERS = 5
_LOOK_EVERY = 0.25


async def away(guide: Guide, provider: ProviderController, temporal: TemporalServer, number: int) -> None:
    """Everything is taken while the real server is down, and done once it is back. The last station: it disturbs."""
    guide.station(
        number,
        "Temporal is away",
        f"its server is stopped; {_ORDERS} orders and the callback of a payment are taken all the same (202), and "
        f"their jobs are shown as enqueued. Once it is back, each customer gets one mail.",
    )
    guide.display.move("outage", "Stopping Temporal")
    await to_its_end(temporal.stop)
    guide.display.rest("outage")
    guide.display.line("   Temporal is stopped, its Web UI too. PostgreSQL and the HTTP interface go on.")
    answers = [await guide.shop.place(order) for order in guide.visit.batch()[:_ORDERS]]
    _expect_placed(guide, answers)
    checkout = await Checkout.begin(guide, provider, _LIKE, "outage")
    paths = [*(answer.job for answer in answers), await checkout.becomes(PaymentState.captured)]
    states = Counter([(await guide.shop.job(path)).state for path in paths])
    guide.expect(
        f"Their jobs, such as GET {paths[0]}: {', '.join(f'{n} {state}' for state, n in states.items())}",
        met=states == {ENQUEUED: len(paths)},
    )
    orders = [*(answer.order.id for answer in answers), checkout.answer.order.id]
    arrived = await _arrived(guide, orders)
    guide.expect(f"{mails_of(len(arrived))} yet", met=not arrived)

    guide.display.move("outage", "Starting Temporal")
    await to_its_end(temporal.start)
    back = time.perf_counter()
    guide.display.line("   Temporal is started again.")
    try:
        jobs = await _all_ended(guide, paths, back)
    finally:
        guide.display.rest("outage")
    done = sum(isinstance(job.outcome, Done) for job in jobs)
    took = time.perf_counter() - back
    guide.expect(f"{done} of {len(paths)} jobs done, {took:.1f} s later", met=done == len(paths))
    for job in (jobs[0], jobs[-1]):
        guide.links(job.web_ui)
    await checkout.expect_paid()
    arrived = await _arrived(guide, orders)
    guide.expect(
        f"{mails_of(len(arrived))} in the inbox, {len(arrived) - len(set(arrived)) or 'none'} of them doubled",
        met=len(arrived) == len(set(arrived)) == len(orders),
    )


def _expect_placed(guide: Guide, answers: list[Answer]) -> None:
    took = sorted(answer.took.total_seconds() * 1000 for answer in answers)
    statuses = Counter(answer.status for answer in answers)
    told = ", ".join(f"{n} times {status}" for status, n in statuses.items())
    guide.expect(
        f"{len(answers)} times POST /orders: {told}, after {took[0]:.0f} to {took[-1]:.0f} ms",
        met=statuses == {202: len(answers)},
    )


async def _all_ended(guide: Guide, paths: list[str], back: float) -> list[JobView]:
    async with meanwhile(*(guide.shop.ended(path, LIMIT) for path in paths)) as ending:
        while not all(one.done() for one in ending):
            passed = time.perf_counter() - back
            guide.display.move("outage", f"The relay tries again by itself; Temporal has been back for {passed:.0f} s")
            await asyncio.wait(ending, timeout=_LOOK_EVERY)
        return [await one for one in ending]


async def _arrived(guide: Guide, orders: list[int]) -> list[str]:
    """Message-IDs of their confirmations in the inbox."""
    wanted = {confirmation_id(number) for number in orders}
    return [mail.message_id for mail in await guide.inbox.mails() if mail.message_id in wanted]
