"""The process that sets PDFs: what it may see, and what becomes of its end."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.reports.heading import heading_of
from adapters.reports.pdf import typesetter as module
from adapters.reports.pdf.typesetter import Typesetter
from adapters.reports.sales_summary.figures import Figures
from adapters.reports.sales_summary.page import TEMPLATE, page_of
from domain.errors import PermanentError, ServiceUnavailable
from domain.report_generation import ReportName
from tests.adapters.reports.shop import pages_of, report_of

AT = datetime(2026, 3, 10, 12, tzinfo=UTC)
REPORT = report_of(ReportName.sales_summary)
ROOT = Path(module.__file__).parent.parent


async def test_several_that_are_asked_for_at_once_are_all_set() -> None:
    typesetter = Typesetter()
    page = page_of(REPORT, Figures([]))
    files = await asyncio.gather(*(typesetter.set(TEMPLATE, page, at=AT) for _ in range(3)))
    assert len(set(files)) == 1
    assert "No orders in this period" in pages_of(files[0])[0]


async def test_a_file_tells_the_time_that_its_report_is_of() -> None:
    pdf = await Typesetter().set(TEMPLATE, page_of(REPORT, Figures([])), at=AT)
    assert re.findall(rb"/CreationDate ?\(D:(\d{14})", pdf) == [b"20260310120000"]


async def test_a_fault_of_a_template_fails_for_good_and_says_what_it_is() -> None:
    with pytest.raises(PermanentError, match=r"dictionary does not contain key .*fault of its template"):
        await Typesetter().set(TEMPLATE, {}, at=AT)


async def test_one_that_takes_too_long_is_stopped_and_the_next_is_set() -> None:
    typesetter = Typesetter(longest=0.001)
    with pytest.raises(ServiceUnavailable, match="took longer than 0"):
        await typesetter.set(TEMPLATE, page_of(REPORT, Figures([])), at=AT)
    assert typesetter.running == 0
    assert await Typesetter().set(TEMPLATE, page_of(REPORT, Figures([])), at=AT)


async def test_one_that_is_cancelled_leaves_no_process_behind() -> None:
    typesetter = Typesetter()
    task = asyncio.create_task(typesetter.set(TEMPLATE, page_of(REPORT, Figures([])), at=AT))
    while typesetter.running == 0:  # noqa: ASYNC110  # nobody else wants to be told
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert typesetter.running == 0


def test_templates_use_no_packages_which_would_come_from_the_network() -> None:
    templates = list(ROOT.rglob("*.typ"))
    assert len(templates) >= 4
    for template in templates:
        text = template.read_text(encoding="utf-8")
        assert "@" not in text, template
        for imported in re.findall(r'(?:import|include|read|json|image)\s*\(?\s*"([^"]*)"', text):
            assert (ROOT / imported.lstrip("/")).is_file(), (template, imported)


def test_a_heading_tells_the_period_in_words() -> None:
    told = {
        period: (heading_of(report_of(ReportName.sales_summary, period=period), "T").period)
        for period in ("2026", "2026-Q4", "2026-11", "2026-11-01", "2026-11-01..2026-11-02")
    }
    assert told == {
        "2026": "2026",
        "2026-Q4": "Fourth quarter 2026",
        "2026-11": "November 2026",
        "2026-11-01": "Sunday, 1 November 2026",
        "2026-11-01..2026-11-02": "1 November 2026 – 2 November 2026",  # noqa: RUF001  # typography
    }
