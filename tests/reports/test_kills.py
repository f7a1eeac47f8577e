"""Whatever is killed in the middle of a report: it goes on from the parts that are done, and each is told once."""

from __future__ import annotations

from collections import Counter

import pytest

from domain.outcomes import Done
from tests.outbox.processes import FULL, running, said
from tests.reports.office import ADA, BO, Office
from tests.worker.worker_process import WorkerProcess

ORDERS = 60_000
"""Three parts."""
WRITE, PUBLISH = "report_generation.write_part", "report_generation.publish"


@pytest.mark.long
@pytest.mark.parametrize("where", ["2", *(["0", "publish"] if FULL else [])])
async def test_a_report_whose_worker_is_killed_goes_on_from_the_parts_that_are_done(
    where: str, office: Office, environment: dict[str, str]
) -> None:
    await office.sells(ORDERS)
    async with running(environment, "-m", "tests.reports.halting_worker", where) as killed:
        report = await office.asks(ADA)
        again = await office.asks(BO)
        await said(killed, "halts")
        killed.kill()
        await killed.wait()

    worker = await WorkerProcess.start(environment)
    try:
        outcome = await office.ends(report)
        for member in ("ada", "bo"):
            await office.hears(member, report.id)
    finally:
        await worker.end()

    assert again == report
    assert isinstance(outcome, Done)
    assert outcome.facts["rows"] == 3 * ORDERS
    ended = await office.attempts(report)
    if where != "publish":
        assert (ended[WRITE, 1], ended[WRITE, 2]) == (2, 1)
    else:
        assert (ended[WRITE, 1], ended[PUBLISH, 2]) == (3, 1)
    lines = await office.lines(report)
    assert len({(line["order_id"], line["position"]) for line in lines}) == len(lines) == 3 * ORDERS
    assert [len(office.files()), await office.notices("ada"), await office.notices("bo")] == [
        1,
        *[Counter({report.id: 1})] * 2,
    ]
