"""The station of the guided tour about reports."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from datetime import UTC, datetime

import httpx

from demo.data.staff import MANAGER, STAFF
from demo.guide import LIMIT, Guide, mails_of
from demo.inbox.reader import OpenedMail
from demo.keeping import BRIEFLY
from domain.report_generation import ReportFormat, ReportName
from domain.reports import ReportState
from starter.http.report_views import NewReport, ReportView

ZONE = "Europe/Zurich"
_LINK = re.compile(r"http://\S+/reports/(?P<id>[0-9a-f-]{36})/file\?token=\S+")
_LOOK_EVERY = 0.1
_BEGINNINGS = {ReportFormat.pdf: b"%PDF-", ReportFormat.xlsx: b"PK", ReportFormat.csv: b"order"}


def manager() -> str:
    """Mail address of who asks for reports."""
    return next(str(member["email"]) for member in STAFF if member["id"] == MANAGER)


async def three(guide: Guide, number: int) -> None:
    """Three reports of the shop's data, opened from the links that are mailed."""
    guide.station(
        number,
        "Three reports",
        "asked for over HTTP (202), made in parts by a worker; who asked gets a mail with a link to the file, which "
        "opens without a key for a week.",
    )
    before = {mail.id for mail in await guide.inbox.mails(manager())}
    this_month = datetime.now(UTC).strftime("%Y-%m")
    asked = [
        await guide.shop.ask(
            NewReport(report=report, period=period, format=format_, time_zone=ZONE, requested_by=MANAGER)
        )
        for report, period, format_ in (
            (ReportName.sales_summary, "2026-03", ReportFormat.pdf),
            (ReportName.orders_export, "2026-Q1", ReportFormat.csv),
            (ReportName.payments_reconciliation, this_month, ReportFormat.xlsx),
        )
    ]
    for each in asked:
        view = await guide.shop.report_ended(each.links.self, LIMIT)
        size = f", {view.file.rows} rows, {view.file.bytes} bytes" if view.file else ""
        guide.expect(
            f"{view.report} {view.period} {view.format}: {view.state}{size}", met=view.state is ReportState.ready
        )
        job = await guide.shop.job(each.links.job)
        mail, link = await _mailed(guide, before, view)
        got = await _opened(link) if link else b""
        same = view.file is not None and hashlib.sha256(got).hexdigest() == view.file.sha256
        guide.expect(
            f"The link in the mail gives {len(got)} bytes, {'those of the report' if same else 'others'}",
            met=same and got.startswith(_BEGINNINGS[view.format]),
        )
        guide.links(job.web_ui, [mail] if mail else None)
        if link:
            guide.display.link("the file", link)


async def new_mails(guide: Guide, before: set[int], count: int) -> list[OpenedMail]:
    """Mails to the manager that came since, once there are so many or `LIMIT` is over."""
    until = time.monotonic() + LIMIT
    while True:
        new = [mail for mail in await guide.inbox.mails(manager()) if mail.id not in before]
        if len(new) >= count or time.monotonic() > until:
            return [await guide.inbox.open(mail.id) for mail in new]
        await asyncio.sleep(_LOOK_EVERY)


async def _mailed(guide: Guide, before: set[int], view: ReportView) -> tuple[OpenedMail | None, str | None]:
    """The mail about a report, and the link in it."""
    found = []
    for wanted in range(1, 4):
        found = [
            (mail, link[0])
            for mail in await new_mails(guide, before, wanted)
            if (link := _LINK.search(mail.text or "")) and link["id"] == str(view.id)
        ]
        if found:
            break
    guide.expect(f"{mails_of(len(found))} with its link", met=len(found) == 1)
    return found[0] if found else (None, None)


async def _opened(link: str) -> bytes:
    """What a browser gets, which has no key."""
    async with httpx.AsyncClient(trust_env=False, limits=BRIEFLY) as browser:
        return (await browser.get(link)).raise_for_status().content
