"""The stations of the guided tour about payments."""

from __future__ import annotations

import asyncio
import time

import httpx

from demo.checkout import Checkout, job_of
from demo.guide import LIMIT, Guide, mails_of, told_of
from demo.payments.controller import ProviderController
from domain.outcomes import Declined, Done
from domain.payment_notice import PaymentNoticeRequest
from domain.payments import PaymentState
from starter.queries import JobFilter
from starter.status import JobSummary

_LIKE = {"paid": 1049, "declined": 1064, "repeated": 1061, "forged": 1068}
"""Orders of the data set, whose customers have a tag of the station in their addresses here."""
_COPIES = 3
_LOOK_EVERY = 0.1


async def captured(guide: Guide, provider: ProviderController, number: int) -> None:
    """A payment is captured."""
    guide.station(
        number,
        "An order is paid online",
        "it is placed without a job. When the money has come, the payment provider calls back (202), a job asks the "
        "provider how the payment stands, the order is paid, and its confirmation follows: one mail.",
    )
    checkout = await Checkout.begin(guide, provider, _LIKE["paid"], "paid")
    job = await checkout.settled(await checkout.becomes(PaymentState.captured))
    guide.expect(f"{job.id} {told_of(job)}", met=isinstance(job.outcome, Done))
    guide.links(job.web_ui)
    await checkout.expect_paid()


async def declined(guide: Guide, provider: ProviderController, number: int) -> None:
    """A card is declined, which is no failure."""
    guide.station(
        number,
        "A card is declined",
        "nobody's fault, so the job completes, as declined; the order is not paid, and one mail says so.",
    )
    checkout = await Checkout.begin(guide, provider, _LIKE["declined"], "declined")
    job = await checkout.settled(await checkout.becomes(PaymentState.declined))
    guide.expect(
        f"{job.id} {job.state}, {told_of(job)}", met=job.outcome == Declined(reason=f"payment-{PaymentState.declined}")
    )
    guide.links(job.web_ui)
    paid = await checkout.is_paid()
    guide.expect(f"Order {checkout.answer.order.id} is {'paid' if paid else 'not paid'}", met=not paid)
    notice = await _notice(guide, checkout.payment_id)
    mails = await guide.inbox.mails(checkout.address or "")
    guide.expect(
        f"{mails_of(len(mails))} in the inbox: {', '.join(mail.subject for mail in mails)}", met=len(mails) == 1
    )
    guide.links(notice.web_ui if notice else None, mails)


async def repeated(guide: Guide, provider: ProviderController, number: int) -> None:
    """Callbacks come several times, and in the wrong order."""
    guide.station(
        number,
        "Callbacks that come three times, the last one first",
        "each event is one job, and what counts is how the payment stands now: the order is paid once, one mail.",
    )
    await provider.callbacks(hold=True, copies=_COPIES)
    try:
        checkout = await Checkout.begin(guide, provider, _LIKE["repeated"], "repeated")
        events = [
            await provider.move(checkout.payment_id, state)
            for state in (PaymentState.authorised, PaymentState.captured)
        ]
        await provider.release("reversed")
        await provider.idle(LIMIT)
    finally:
        await provider.callbacks(hold=False, copies=1)
    answers = [(event.state, await checkout.answers_to(event)) for event in reversed(events)]
    told = "; ".join(f"{state} {', '.join(map(str, statuses))}" for state, statuses in answers)
    guide.expect(f"The provider calls back: {told}", met=all(statuses == [202] * _COPIES for _, statuses in answers))
    jobs = [await checkout.settled(job_of(event)) for event in reversed(events)]
    for job in jobs:
        guide.expect(f"{job.id} {told_of(job)}", met=isinstance(job.outcome, Done))
        guide.links(job.web_ui)
    await checkout.expect_paid()


async def forged(guide: Guide, provider: ProviderController, number: int) -> None:
    """Somebody else says that an order is paid."""
    guide.station(
        number,
        "A forged callback",
        "it says that the money has come, and is signed by somebody else: refused (401), no job, not paid. The "
        "provider's own is taken afterwards.",
    )
    await provider.callbacks(hold=True)
    try:
        checkout = await Checkout.begin(guide, provider, _LIKE["forged"], "forged")
        event = await provider.move(checkout.payment_id, PaymentState.captured)
        await provider.send([event.id], forged=True, attempts=1)
        await provider.idle(LIMIT)
        statuses, paid = await checkout.answers_to(event), await checkout.is_paid()
        guide.expect(
            f"The forger calls POST /webhooks/payments: {', '.join(map(str, statuses))}; the order is "
            f"{'paid' if paid else 'not paid'}",
            met=statuses == [401] and not paid,
        )
        known = await _is_known(guide, job_of(event))
        guide.expect(f"GET {job_of(event)}: {'there' if known else '404, there is no such job'}", met=not known)
        await provider.release()
        await provider.idle(LIMIT)
    finally:
        await provider.callbacks(hold=False)
    statuses = (await checkout.answers_to(event))[1:]
    guide.expect(f"The provider calls back: {', '.join(map(str, statuses))}", met=statuses == [202])
    job = await checkout.settled(job_of(event))
    guide.links(job.web_ui)
    await checkout.expect_paid()


async def _notice(guide: Guide, payment_id: str) -> JobSummary | None:
    """The job that tells the customer, once it has ended; None where there is none in time."""
    where = JobFilter(kind=PaymentNoticeRequest.kind, ids={"PaymentId": payment_id})
    until = time.monotonic() + LIMIT
    while True:
        ended = [job for job in await guide.jobs.list(where) if job.closed_at]
        if ended or time.monotonic() > until:
            return ended[0] if ended else None
        await asyncio.sleep(_LOOK_EVERY)


async def _is_known(guide: Guide, job: str) -> bool:
    try:
        await guide.shop.job(job)
    except httpx.HTTPStatusError as exc:
        if exc.response.status_code != httpx.codes.NOT_FOUND:
            raise
        return False
    return True
