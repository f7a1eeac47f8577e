"""The guided tour: eight stations, each of which shows a promise, and looks whether it is kept."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import asyncpg
import httpx
from temporalio.client import ScheduleBackfill, ScheduleOverlapPolicy, WorkflowExecution

from demo.data.shop import CORRECTED_ADDRESS, MANAGER, OPERATOR, REFUSED
from demo.guide import Guide, http_client, mails_of, outcome_of, wait_for
from demo.part import PartFailed
from domain.errors import JobError
from domain.payments import PaymentState
from starter import StarterError

_MISTAKES = (httpx.HTTPError, asyncpg.PostgresError, OSError, TimeoutError, PartFailed, JobError, StarterError)
"""What may go wrong in a station, on a slow machine for example, without an end of the tour."""

_SCHEDULED = 3
_DURING_OUTAGE = 5
_DURING_KILL = 20
_FIRST_OF_MARCH = datetime(2026, 3, 1, tzinfo=UTC)
_LINK = re.compile(r"http://\S+/reports/[0-9a-f-]{36}/file\?token=\S+")

Station = Callable[[Guide], Awaitable[None]]


async def tour(guide: Guide) -> None:
    """Take the tour. `guide.unmet` is 0 afterwards if everything was as expected."""
    begun = time.monotonic()
    waiting = _Waiting()
    await _station(guide, "1  An order is placed", placed)
    await _station(guide, "2  The mail server is down", waiting.begin)
    await _station(guide, "3  An address does not exist", refused)
    await _station(guide, "4  An order is paid online", paid)
    await _station(guide, "5  A report", report)
    await _station(guide, "6  Schedules instead of cron", schedules)
    if waiting.path:
        await _station(guide, "2  … and what became of the order", waiting.end)
    await _station(guide, "7  Temporal is stopped while orders come in", outage)
    await _station(guide, "8  A worker is killed while it works", killed)
    guide.display.line()
    met = guide.checked - guide.unmet
    text = f"{met} of {guide.checked} expectations were met, in {time.monotonic() - begun:.0f} s."
    guide.display.verdict(text, met=not guide.unmet)


async def _station(guide: Guide, title: str, take: Station) -> None:
    """A station that fails is marked, and the tour goes on."""
    guide.display.heading(title)
    try:
        await take(guide)
    except _MISTAKES as exc:
        guide.expect(f"The station failed: {type(exc).__name__} {exc}", met=False)


async def placed(guide: Guide) -> None:
    """An order and its job are one transaction; the mail arrives at the first attempt."""
    began = time.perf_counter()
    answer, order = await guide.place()
    guide.expect(
        f"POST /orders: {answer.status_code} after {_ms(began)}, order and job in one transaction",
        met=answer.status_code == 202,
    )
    job = await guide.ended(order["links"]["job"])
    mails = await guide.mails([order["id"]])
    guide.expect(
        f"{job['id']} is {outcome_of(job)} after {_ms(began)}, {mails_of(len(mails))}",
        met=outcome_of(job) == "done" and len(mails) == 1,
    )


class _Waiting:
    """An order whose confirmation waits for its next attempt, while the tour goes on."""

    path = ""
    order = 0

    async def begin(self, guide: Guide) -> None:
        """The mail server is stopped; it is back before the second attempt."""
        inbox = guide.stack.inbox
        if inbox is None:
            raise LookupError("the tour needs an inbox")
        await asyncio.to_thread(inbox.stop)
        try:
            _, order = await guide.place()
            self.order, self.path = order["id"], order["links"]["job"]
            job = await guide.until(self.path, lambda job: bool(job["error"]) or job["next_attempt_at"] is not None)
        finally:
            await asyncio.to_thread(inbox.start)
        error = job["error"]["type"] if job["error"] else "no error"
        guide.expect(f"{job['id']} failed once: {error}", met=job["state"] == "running" and bool(job["error"]))
        guide.display.line("   The next attempt follows in 5 to 10 s. The mail server is up again; we go on.")

    async def end(self, guide: Guide) -> None:
        """The second attempt delivers one mail."""
        job = await guide.ended(self.path)
        mails = await guide.mails([self.order])
        took = datetime.fromisoformat(job["closed_at"]) - datetime.fromisoformat(job["started_at"])
        guide.expect(
            f"{job['id']} is {outcome_of(job)} after {took.total_seconds():.0f} s, {mails_of(len(mails))}",
            met=outcome_of(job) == "done" and len(mails) == 1,
        )


async def refused(guide: Guide) -> None:
    """An address is refused permanently: a dead letter, an alert, a correction, a redrive."""
    before = {mail.id for mail in await guide.inbox.mails(OPERATOR)}
    _, order = await guide.place(REFUSED)
    path = order["links"]["job"]
    job = await guide.ended(path)
    guide.expect(f"550 from the mail server: {job['id']} {outcome_of(job)}", met=job["state"] == "failed")
    guide.display.line("   It is a Failed run in the Web UI, and a dead letter. One alert goes out.")
    await guide.execute("UPDATE customers SET email = $1 WHERE id = $2", CORRECTED_ADDRESS, order["customer_id"])
    guide.display.line("   The address is corrected; an operator redrives the job from its failed step:")
    status = await guide.jobs("dead", "redrive", job["id"], "--yes")
    job = await guide.until(path, lambda job: job["state"] == "completed")
    mails = await guide.mails([order["id"]])
    guide.expect(
        f"{job['id']} is {outcome_of(job)}, {mails_of(len(mails))}",
        met=status == 0 and outcome_of(job) == "done" and len(mails) == 1,
    )

    async def alerts() -> int:
        return len({mail.id for mail in await guide.inbox.mails(OPERATOR)} - before)

    found = await wait_for(alerts, bool)
    guide.expect(f"{mails_of(found)} to {OPERATOR}", met=found == 1)


async def paid(guide: Guide) -> None:
    """Forged callbacks are refused; the provider's counts once, however often it comes."""
    _, order = await guide.place(payment="online")
    provider = guide.stack.payments
    if provider is None:
        raise LookupError("the tour needs a payment provider")
    payment = await provider.begin(order["id"], order["total"], order["currency"])
    event = await provider.move(payment.id, PaymentState.captured)
    path, url = order["links"]["self"], f"{guide.api.url}/webhooks/payments"
    forged = await provider.send([event.id], url, forged=True)
    found = await guide.get(path)
    guide.expect(
        f"A forged callback is refused: {forged[0]}, and the order is not paid",
        met=forged == [401] and found["paid_at"] is None,
    )
    genuine = await provider.send([event.id], url)
    found = await guide.until(path, lambda order: order["paid_at"] is not None)
    guide.expect(
        f"The provider's callback is accepted: {genuine[0]}, and the order is {'' if found['paid_at'] else 'not '}paid",
        met=genuine == [202] and found["paid_at"] is not None,
    )
    again = await provider.send([event.id, event.id], url)
    job = await guide.ended(f"/jobs/payment-callback/{event.id}")
    mails = await guide.mails([order["id"]])
    guide.expect(
        f"The same callback twice more: {again[0]}, {again[1]}; still one job, {mails_of(len(mails))}",
        met=again == [202, 202] and outcome_of(job) == "done" and len(mails) == 1,
    )


async def report(guide: Guide) -> None:
    """A report is made in the background; a mail has a link to the file."""
    manager = str(MANAGER["email"])
    before = {mail.id for mail in await guide.inbox.mails(manager)}
    wanted = {"report": "sales-summary", "period": "2026-03", "format": "pdf", "requested_by": 1, "refresh": True}
    asked = (await guide.ask("POST", "/reports", json=wanted)).raise_for_status().json()
    found = await guide.until(asked["links"]["self"], lambda report: report["state"] != "requested")
    size = f", {found['file']['bytes'] / 1000:.0f} kB" if found["file"] else ""
    guide.expect(f"sales-summary of March as PDF: {found['state']}{size}", met=found["state"] == "ready")

    async def links() -> list[str]:
        new = [await guide.inbox.open(m.id) for m in await guide.inbox.mails(manager) if m.id not in before]
        return [link[0] for mail in new if (link := _LINK.search(mail.text or ""))]

    mailed = await wait_for(links, bool)
    async with http_client("") as browser:  # which has no key
        got = (await browser.get(mailed[0])).raise_for_status().content if mailed else b""
    guide.expect(f"{mails_of(len(mailed))} with a link, which opens the file", met=got.startswith(b"%PDF-"))


async def schedules(guide: Guide) -> None:
    """One schedule is triggered, another one backfilled, twice: each period is done once."""
    subject = f"Happy birthday, order ({datetime.now(UTC):%H:%M:%S.%f})"
    await guide.execute(
        "INSERT INTO scheduled_emails (customer_id, subject, text, due_at) "
        "SELECT 1, $1, 'Thank you!', now() FROM generate_series(1, $2::int)",
        *(subject, _SCHEDULED),
    )
    guide.display.line("   $ temporal schedule trigger --schedule-id scheduled-emails")
    await guide.client.get_schedule_handle("scheduled-emails").trigger()
    mails = await wait_for(lambda: guide.inbox.mails(subject), lambda mails: len(mails) >= _SCHEDULED)
    guide.expect(f"{mails_of(len(mails))} that were due", met=len(mails) == _SCHEDULED)
    guide.display.line("   $ temporal schedule backfill --schedule-id monthly-reports … (twice)")
    first, second = await _backfilled(guide), await _backfilled(guide)
    guide.expect(
        f"Reports of February: {first}; again: {second}",
        met=first.startswith(("done", "skipped")) and second.startswith("skipped"),
    )


async def _backfilled(guide: Guide) -> str:
    """How the run of the first of March ends."""
    since = datetime.now(UTC)
    handle = guide.client.get_schedule_handle("monthly-reports")
    moment = ScheduleBackfill(start_at=_FIRST_OF_MARCH, end_at=_FIRST_OF_MARCH, overlap=ScheduleOverlapPolicy.ALLOW_ALL)
    await handle.backfill(moment)
    query = f"TemporalScheduledById = 'monthly-reports' AND StartTime >= '{since.isoformat()}'"

    async def runs() -> list[WorkflowExecution]:
        return [run async for run in guide.client.list_workflows(query) if run.close_time]

    found = await wait_for(runs, bool)
    return outcome_of(await guide.get(f"/jobs/{found[0].id}")) if found else "not ended"


async def outage(guide: Guide) -> None:
    """Orders are taken while Temporal is down; their jobs are done once it is back."""
    await asyncio.to_thread(guide.stack.temporal.stop)
    try:
        answers = [await guide.place() for _ in range(_DURING_OUTAGE)]
        orders = [order for _, order in answers]
        states = {(await guide.get(order["links"]["job"]))["state"] for order in orders}
    finally:
        await asyncio.to_thread(guide.stack.temporal.start)
    guide.expect(
        f"{len(orders)} orders: 202; their jobs are in PostgreSQL: {', '.join(states)}",
        met={answer.status_code for answer, _ in answers} == {202} and states == {"enqueued"},
    )
    guide.display.line("   Temporal is started again.")
    await expect_all_done(guide, [order["id"] for order in orders])


async def killed(guide: Guide) -> None:
    """What a killed worker worked on is finished by the next one."""
    placing = [asyncio.create_task(guide.place()) for _ in range(_DURING_KILL)]
    orders = [order["id"] for _, order in await asyncio.gather(*placing)]
    await guide.mails(orders, count=1)
    await asyncio.to_thread(guide.worker.kill)
    guide.display.line(f"   {len(orders)} orders; the only worker is killed (SIGKILL), and another one started.")
    await asyncio.to_thread(guide.worker.start)
    await expect_all_done(guide, orders)


async def expect_all_done(guide: Guide, orders: Sequence[int]) -> None:
    """Each order's job has ended well, and its mail arrived."""
    ends = Counter([outcome_of(await guide.ended(f"/jobs/order-confirmation/{number}")) for number in orders])
    mails = await guide.mails(orders)
    different = len({mail.message_id for mail in mails})
    # A job whose worker was killed after it had marked the order finds that when it runs again.
    found = ends["skipped: already-confirmed"]
    done = ends["done"] + found
    before = f" ({found} found their mail sent)" if found else ""
    guide.expect(
        f"{done} of {len(orders)} jobs are done{before}, {mails_of(different)}", met=done == different == len(orders)
    )
    if len(mails) > different:
        # Of mails that the server took just before the kill; mail programs show one.
        guide.display.line(f"   {mails_of(len(mails) - different)} came again, with the same Message-ID.")


def _ms(began: float) -> str:
    return f"{(time.perf_counter() - began) * 1000:.0f} ms"
