"""The station in which Temporal is stopped while orders come in, and started again."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from demo.blocking import to_its_end
from demo.guide import Guide, confirmation_id, mails_of
from demo.shop_client import Answer
from demo.temporal_server import TemporalServer
from domain.outcomes import Done
from starter.http.job_views import ENQUEUED, JobView

_ORDERS = 5
_LOOK_EVERY = 0.25


async def away(guide: Guide, temporal: TemporalServer, number: int) -> None:
    """Orders are taken while the real server is down, and their mails follow. The last station: it disturbs others."""
    guide.station(
        number,
        "Temporal is away",
        f"its server is stopped, and {_ORDERS} orders are taken all the same (202); their jobs are shown as enqueued. "
        f"Once it is back, each customer gets one mail.",
    )
    guide.display.move("outage", "Stopping Temporal")
    await to_its_end(temporal.stop)
    guide.display.rest("outage")
    guide.display.line("   Temporal is stopped, its Web UI too. PostgreSQL and the HTTP interface go on.")
    answers = [await guide.shop.place(order) for order in guide.visit.batch()[:_ORDERS]]
    took = sorted(answer.took.total_seconds() * 1000 for answer in answers)
    statuses = Counter(answer.status for answer in answers)
    guide.expect(
        f"{_ORDERS} times POST /orders: {', '.join(f'{n} times {status}' for status, n in statuses.items())}, after "
        f"{took[0]:.0f} to {took[-1]:.0f} ms",
        met=statuses == {202: _ORDERS},
    )
    states = Counter([(await guide.shop.job(answer.job)).state for answer in answers])
    guide.expect(
        f"Their jobs, such as GET {answers[-1].job}: {', '.join(f'{n} {state}' for state, n in states.items())}",
        met=states == {ENQUEUED: _ORDERS},
    )
    await _expect_mails(guide, answers, 0)

    guide.display.move("outage", "Starting Temporal")
    await to_its_end(temporal.start)
    back = time.perf_counter()
    guide.display.line("   Temporal is started again.")
    try:
        jobs = await _all_ended(guide, answers, back)
    finally:
        guide.display.rest("outage")
    done = sum(isinstance(job.outcome, Done) for job in jobs)
    guide.expect(f"{done} of {_ORDERS} jobs done, {time.perf_counter() - back:.1f} s later", met=done == _ORDERS)
    await _expect_mails(guide, answers, _ORDERS)
    guide.links(jobs[-1].web_ui)


async def _all_ended(guide: Guide, answers: list[Answer], back: float) -> list[JobView]:
    ending = asyncio.gather(*(guide.ended(answer) for answer in answers))
    try:
        while not ending.done():
            passed = time.perf_counter() - back
            guide.display.move("outage", f"The relay tries again by itself; Temporal has been back for {passed:.0f} s")
            await asyncio.wait({ending}, timeout=_LOOK_EVERY)
        return ending.result()
    finally:
        ending.cancel()


async def _expect_mails(guide: Guide, answers: list[Answer], count: int) -> None:
    wanted = {confirmation_id(answer.order.id) for answer in answers}
    ids = [mail.message_id for mail in await guide.inbox.mails() if mail.message_id in wanted]
    guide.expect(
        f"{mails_of(len(ids))} in the inbox, none of them doubled" if count else f"{mails_of(len(ids))} yet",
        met=len(ids) == len(set(ids)) == count,
    )
