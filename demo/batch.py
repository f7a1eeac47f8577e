"""The station with some hundred orders, as fast as they go."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

from demo.guide import LIMIT, Guide, confirmation_id, mails_of
from demo.meanwhile import meanwhile
from domain.order_confirmation import OrderConfirmationRequest
from starter.queries import JobFilter
from starter.status import JobState

_AT_A_TIME = 20
_LOOK_EVERY = 0.5


class Batch:
    """Places them, and counts."""

    def __init__(self, guide: Guide, number: int) -> None:
        """Nothing is placed yet."""
        self._guide = guide
        self._number = number
        self._orders = guide.visit.batch()
        self._placed: set[int] = set()
        self._seen = 0, 0
        """Jobs done, and mails in the inbox, when we looked last."""
        self._began = time.perf_counter()

    async def run(self) -> None:
        """The whole station."""
        guide, count = self._guide, len(self._orders)
        guide.station(
            self._number,
            f"{count} orders at once",
            "all are taken, all their jobs are done, and each customer gets one mail.",
        )
        self._began = time.perf_counter()
        try:
            async with meanwhile(self._follow()) as following:
                statuses = await self._place_all()
                took = self._passed()
                guide.expect(
                    f"{statuses.count(202)} of {count} placed in {took:.1f} s, {count / took:.0f} a second",
                    met=statuses == [202] * count,
                )
                await following[0]
        finally:
            guide.display.rest("batch")
        done, took = len(await self._done()), self._passed()
        guide.expect(f"{done} of {count} jobs done after {took:.1f} s, {done / took:.0f} a second", met=done == count)
        ids = await self._arrived()
        guide.expect(
            f"{mails_of(len(ids))} in the inbox, {len(ids) - len(set(ids)) or 'none'} of them doubled",
            met=len(ids) == len(set(ids)) == count,
        )

    async def _place_all(self) -> list[int]:
        gate = asyncio.Semaphore(_AT_A_TIME)

        async def place(number: int) -> int:
            async with gate:
                answer = await self._guide.shop.place(self._orders[number])
            self._placed.add(answer.order.id)
            self._show()
            return answer.status

        async with meanwhile(*(place(number) for number in range(len(self._orders)))) as placing:
            return [await one for one in placing]

    async def _follow(self) -> None:
        """Look how it gets on, until all jobs have ended or time is up."""
        while len(done := await self._done()) < len(self._orders) and self._passed() < LIMIT:
            self._seen = len(done), len(await self._arrived())
            self._show()
            await asyncio.sleep(_LOOK_EVERY)

    def _show(self) -> None:
        count, (done, mails) = len(self._orders), self._seen
        text = f"{len(self._placed)} of {count} placed, {done} done, {mails_of(mails)}"
        self._guide.display.move("batch", text, share=done / count)

    async def _done(self) -> set[str]:
        """Ids of our jobs that have ended well."""
        wanted = {OrderConfirmationRequest(order_id=order_id).workflow_id for order_id in self._placed}
        began = timedelta(seconds=self._passed() + 5)
        where = JobFilter(kind=OrderConfirmationRequest.kind, state=JobState.completed, newer_than=began)
        return {job.id async for job in self._guide.jobs.iterate(where)} & wanted

    async def _arrived(self) -> list[str]:
        wanted = {confirmation_id(order_id) for order_id in self._placed}
        return [mail.message_id for mail in await self._guide.inbox.mails() if mail.message_id in wanted]

    def _passed(self) -> float:
        return time.perf_counter() - self._began
