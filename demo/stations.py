"""The stations of the guided tour that end at once."""

from __future__ import annotations

import asyncio
import time
from urllib.parse import quote

from demo.guide import Guide, confirmation_id, mails_of, told
from domain.errors import RecipientRejected
from domain.outcomes import Done, Skipped
from starter import JobDidNotComplete

_AT_A_TIME = 40
_LOOK_EVERY = 1.0


async def delivered(guide: Guide) -> None:
    """A mail arrives at the first attempt."""
    order = guide.visit.delivered
    guide.station(1, "A mail is delivered", f"the confirmation of order {order.id} is done, one mail arrives.")
    began = time.perf_counter()
    handle = await guide.start(order)
    end = await guide.end(handle)
    took = (time.perf_counter() - began) * 1000
    guide.expect(f"{handle.id} {told(end)}, {took:.0f} ms after its start", met=isinstance(end, Done))
    guide.links(handle, await guide.expect_mails(order, 1))


async def refused(guide: Guide, temporal: str) -> None:
    """An address is refused for good: the job ends as a dead letter. `temporal` is how its command line is called."""
    order = guide.visit.refused
    guide.station(
        3,
        "An address that does not exist",
        "the mail server says 550, which no retry can mend: one attempt, no mail, and a Failed job that says what to "
        "do.",
    )
    handle = await guide.start(order)
    end = await guide.end(handle)
    failed = isinstance(end, JobDidNotComplete) and end.error_type == RecipientRejected.__name__
    guide.expect(f"{handle.id} {told(end)}", met=failed)
    if isinstance(end, JobDidNotComplete):
        tells = RecipientRejected.remedy in end.message and "550" in end.message
        guide.expect(f"It says: {end.message}", met=tells)
    answers = [refusal.answer.partition(" ")[0] for refusal in await guide.refusals(order)]
    guide.expect(f"Answers of the mail server: {', '.join(answers) or 'none'}", met=answers == ["550"])
    await guide.expect_mails(order, 0)
    guide.links(handle)
    query = quote('ExecutionStatus="Failed"')
    web_ui = handle.web_ui.partition("/workflows/")[0]
    guide.display.link("all dead", f"{web_ui}/workflows?query={query}")
    guide.display.command(f"   {temporal} workflow list --query \"ErrorType='{RecipientRejected.__name__}'\"")


async def skipped(guide: Guide) -> None:
    """What needs no mail ends well, and says why."""
    visit = guide.visit
    guide.station(
        4,
        "Nothing to do",
        "an order that nobody knows, one that is confirmed, one without an address: skipped, no mail, no alarm.",
    )
    for order, reason in (
        (visit.unknown, "order-not-found"),
        (visit.confirmed, "already-confirmed"),
        (visit.no_address, "no-address"),
    ):
        handle = await guide.start(order)
        end, found = await guide.end(handle), await guide.mails(order)
        guide.expect(
            f"{handle.id} {told(end)}, {mails_of(len(found))}", met=end == Skipped(reason=reason) and not found
        )
        guide.links(handle)


async def twice(guide: Guide) -> None:
    """A second start changes nothing."""
    order = guide.visit.twice
    guide.station(
        5, "The same order twice", "two clicks at the same moment and a third one afterwards: one run, one mail."
    )
    clicks = [*await asyncio.gather(guide.start(order), guide.start(order))]
    end = await guide.end(clicks[0])
    clicks.append(await guide.start(order))
    started, runs = sum(click.started for click in clicks), len({click.run_id for click in clicks})
    guide.expect(
        f"{clicks[0].id} {told(end)}; {len(clicks)} starts made {runs} run{'' if runs == 1 else 's'}",
        met=isinstance(end, Done) and started == runs == 1,
    )
    guide.links(clicks[0], await guide.expect_mails(order, 1))


async def batch(guide: Guide) -> None:
    """Some hundred jobs, as fast as they go."""
    orders = guide.visit.batch
    wanted = {confirmation_id(order.id) for order in orders}
    guide.station(6, f"{len(orders)} orders at once", "all are done, and each customer gets one mail.")
    gate, done, began = asyncio.Semaphore(_AT_A_TIME), 0, time.perf_counter()

    async def confirm(order_id: int) -> bool:
        nonlocal done
        async with gate:
            ended_well = isinstance(await guide.end(await guide.start(order_id)), Done)
        done += 1
        return ended_well

    async def arrived() -> list[str]:
        return [mail.message_id for mail in await guide.inbox.mails() if mail.message_id in wanted]

    async def show() -> None:
        while True:
            here, rate = len(await arrived()), done / (time.perf_counter() - began)
            text = f"{done} of {len(orders)} done, {rate:.0f} jobs/s, {mails_of(here)} in the inbox"
            guide.display.move("batch", text, share=done / len(orders))
            await asyncio.sleep(_LOOK_EVERY)

    showing = asyncio.create_task(show())
    try:
        ended_well = await asyncio.gather(*(confirm(order.id) for order in orders))
    finally:
        took = time.perf_counter() - began
        showing.cancel()
        await asyncio.wait({showing})
        guide.display.rest("batch")
    guide.expect(
        f"{sum(ended_well)} of {len(orders)} done in {took:.1f} s, {len(orders) / took:.0f} jobs/s", met=all(ended_well)
    )
    ids = await arrived()
    guide.expect(
        f"{mails_of(len(ids))} in the inbox, {len(ids) - len(set(ids)) or 'none'} of them doubled",
        met=len(ids) == len(wanted) == len(set(ids)),
    )
