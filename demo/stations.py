"""The stations of the guided tour that end at once: one order each."""

from __future__ import annotations

import asyncio
import time
from urllib.parse import quote

from demo.data.shop import TOUR
from demo.guide import Guide, mails_of, told, told_of
from domain.errors import RecipientRejected
from domain.outcomes import Done, Skipped


async def delivered(guide: Guide, number: int) -> None:
    """An order is placed over HTTP, and its mail arrives at the first attempt."""
    order = guide.visit.order_as(TOUR.delivered)
    guide.station(
        number,
        "An order is placed",
        "the HTTP interface takes it (202) together with its job, in one transaction; the job is done, one mail "
        "arrives.",
    )
    began = time.perf_counter()
    answer = await guide.shop.place(order)
    guide.expect_placed(answer)
    job = await guide.ended(answer)
    took = (time.perf_counter() - began) * 1000
    guide.expect(f"GET {answer.job}: {told_of(job)}, {took:.0f} ms after the order", met=isinstance(job.outcome, Done))
    guide.links(job.web_ui, await guide.expect_mails(answer.order.id, order.customer.email, 1))


async def refused(guide: Guide, number: int, temporal: str) -> int:
    """An address is refused for good: the job ends as a dead letter. Returns the order's number.

    `temporal` is how its command line is called.
    """
    order = guide.visit.order_as(TOUR.refused)
    guide.station(
        number,
        "An address that does not exist",
        "the mail server says 550, which no retry can mend: one attempt, no mail, and a Failed job that says what to "
        "do.",
    )
    answer = await guide.shop.place(order)
    guide.expect_placed(answer)
    job = await guide.ended(answer)
    error = RecipientRejected.__name__
    failed = job.error is not None and job.error.type == error
    guide.expect(f"{job.id} {told_of(job)}", met=failed)
    message = (job.error and job.error.message) or ""
    guide.expect(f"It says: {message}", met=RecipientRejected.remedy in message and "550" in message)
    answers = [refusal.answer.partition(" ")[0] for refusal in await guide.refusals(order.customer.email)]
    guide.expect(f"Answers of the mail server: {', '.join(answers) or 'none'}", met=answers == ["550"])
    await guide.expect_mails(answer.order.id, order.customer.email, 0)
    guide.links(job.web_ui)
    if job.web_ui:
        query = quote('ExecutionStatus="Failed"')
        guide.display.link("all dead", f"{job.web_ui.partition('/workflows/')[0]}/workflows?query={query}")
    guide.display.command(f"   {temporal} workflow list --query \"ErrorType='{error}'\"")
    return answer.order.id


async def skipped(guide: Guide, number: int) -> None:
    """What needs no mail ends well, and says why."""
    visit = guide.visit
    guide.station(
        number,
        "Nothing to do",
        "an order that nobody knows, one that is confirmed, one without an address: skipped, no mail, no alarm.",
    )
    for order_id, reason in (
        (visit.number, "order-not-found"),
        (visit.confirmed.id, "already-confirmed"),
        (visit.no_address.id, "no-address"),
    ):
        handle = await guide.start(order_id)
        end, found = await guide.end(handle), await guide.mails(order_id)
        guide.expect(
            f"{handle.id} {told(end)}, {mails_of(len(found))}", met=end == Skipped(reason=reason) and not found
        )
        guide.links(handle.web_ui)


async def twice(guide: Guide, number: int) -> None:
    """The same request again is the same order; a second start changes nothing."""
    order = guide.visit.order_as(TOUR.twice)
    guide.station(
        number,
        "The same order twice",
        "two clicks at the same moment and a third one afterwards, with one Idempotency-Key: one order, one job, one "
        "mail. A start of its job from code changes nothing either.",
    )
    key = f"visit-{guide.visit.number}"
    clicks = [*await asyncio.gather(guide.shop.place(order, key=key), guide.shop.place(order, key=key))]
    job = await guide.ended(clicks[0])
    clicks.append(await guide.shop.place(order, key=key))
    orders, replayed = {click.order.id for click in clicks}, sum(click.replayed for click in clicks)
    guide.expect(
        f"{len(clicks)} times POST /orders made {len(orders)} order, {clicks[0].order.id}; {replayed} answers say "
        f"Idempotent-Replayed",
        met=len(orders) == 1 and replayed == 2,
    )
    handle = await guide.start(clicks[0].order.id)
    guide.expect(
        f"{job.id} {told_of(job)}; the start from code {'made another run' if handle.started else 'started nothing'}",
        met=isinstance(job.outcome, Done) and not handle.started,
    )
    guide.links(job.web_ui, await guide.expect_mails(clicks[0].order.id, order.customer.email, 1))
