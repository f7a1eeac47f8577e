"""What a report needs goes away and comes back; it is cancelled; it is asked for by several at once."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from sqlalchemy import text

from domain.outcomes import Done
from domain.reports import ReportState
from starter.errors import JobCancelled
from tests.reports.conftest import Serving
from tests.reports.office import ADA, BO, Office


async def test_two_who_ask_at_once_get_one_file_and_each_a_link_and_its_lines_are_those_of_the_orders(
    office: Office, serving: Serving
) -> None:
    await office.sells(2_000)
    async with serving():
        ada, bo = await asyncio.gather(office.asks(ADA), office.asks(BO))
        outcome = await office.ends(ada)
        for member in ("ada", "bo"):
            await office.hears(member, ada.id)
        third = await office.asks(BO)
        await office.hears("bo", ada.id, times=2)

    assert ada.id == bo.id == third.id
    assert isinstance(outcome, Done)
    lines = await office.lines(ada)
    async with office.engine.connect() as connection:
        wanted = (await connection.execute(text("SELECT order_id, position, quantity FROM order_items"))).all()
    assert Counter((int(line["order_id"]), int(line["position"]), int(line["quantity"])) for line in lines) == Counter(
        (row.order_id, row.position, row.quantity) for row in wanted
    )
    assert [len(office.files()), await office.notices("ada")] == [1, Counter({ada.id: 1})]


async def test_a_report_that_is_cancelled_while_it_is_written_stops_and_leaves_no_file(
    office: Office, serving: Serving
) -> None:
    await office.sells(40_000)
    # Nobody can read a line while this transaction lasts.
    async with office.engine.connect() as locking, serving():
        await locking.execute(text("LOCK TABLE customers IN ACCESS EXCLUSIVE MODE"))
        report = await office.asks()
        handle = await office.handle(report)
        async with asyncio.timeout(60):
            while (await handle.status()).step != "report_generation.write_part":  # noqa: ASYNC110  # nobody tells
                await asyncio.sleep(0.05)
        await handle.cancel()
        with pytest.raises(JobCancelled):
            await office.ends(report)
        reading = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY%'"
        still = (await locking.execute(text(f"{reading} AND state = 'active'"))).scalar_one()

    assert still == 0
    assert office.files() == []
    assert (await office.now(report)).state is ReportState.cancelled
