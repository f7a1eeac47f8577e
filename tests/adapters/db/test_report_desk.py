"""Asking for reports: one file for all who ask, and a link to each of them."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from domain.errors import InvalidRequest
from domain.idempotency import Answer, KeyReused, Repeatable
from domain.periods import day_of
from domain.report_ports import Asked, UnknownMember
from domain.reports import ReportState
from tests.adapters.db.conftest import EngineMaker
from tests.adapters.db.report_shop import FILE, Office, a_request

JOB = "report-generation/sales-summary/2026-10/Europe.Zurich/pdf"


@pytest.fixture
async def office(engine_to: EngineMaker, database: str) -> Office:
    return await Office.open(engine_to(database), members=50)


async def test_a_report_that_is_asked_for_has_its_row_who_asked_and_its_job(office: Office) -> None:
    asked = await office.ask(a_request(requested_by=1), client="backoffice")

    assert (asked.joined, asked.report.state, asked.report.request) == (False, ReportState.requested, a_request())
    assert abs(datetime.now(UTC) - asked.report.as_of) < timedelta(minutes=5)
    assert await office.askings() == [(1, 1, "backoffice", False)]
    assert await office.enqueued("report-generation") == [f"{JOB}/1"]
    assert await office.desk.find(asked.report.id) == asked.report


async def test_fifty_who_ask_at_once_get_one_report_and_one_job(office: Office) -> None:
    asked = await asyncio.gather(*(office.ask(a_request(requested_by=n)) for n in range(1, 51)))

    assert {each.report.id for each in asked} == {asked[0].report.id}
    assert Counter(each.joined for each in asked) == {True: 49, False: 1}
    assert sorted(await office.askings()) == [(1, n, None, False) for n in range(1, 51)]
    assert set(await office.enqueued("report-generation")) == {f"{JOB}/1"}


async def test_all_who_ask_while_a_report_becomes_ready_are_told_once_each(office: Office) -> None:
    for round_ in range(1, 4):
        first = await office.ask(a_request(requested_by=50), refresh=round_ > 1)

        async def later(first: Asked = first) -> None:
            await office.book.ready(first.report.id, FILE)

        asking = [office.ask(a_request(requested_by=n)) for n in range(1, 50)]
        await asyncio.gather(*asking[:25], later(), *asking[25:], later())

        askings = [asking for asking in await office.askings() if asking[0] == round_]
        assert sorted(askings) == [(round_, n, None, True) for n in range(1, 51)]
    notices = await office.enqueued("report-notice")
    assert (len(notices), len(set(notices))) == (150, 150)


async def test_whoever_asks_again_while_waiting_waits_once_and_is_told_again_once_it_is_there(office: Office) -> None:
    first = await office.ask(a_request(requested_by=1), client="backoffice")
    await office.ask(a_request(requested_by=1), client="backoffice")
    # Through another key: still one mail, but that key may look at the report too.
    await office.ask(a_request(requested_by=1), client="dashboard")
    assert await office.askings() == [(1, 1, "backoffice", False), (1, None, "dashboard", False)]

    await office.book.ready(first.report.id, FILE)
    again = await office.ask(a_request(requested_by=1), client="backoffice")
    await office.ask(a_request(), client="dashboard")

    assert (again.joined, again.report.state, again.report.file) == (True, ReportState.ready, FILE)
    assert await office.askings() == [
        (1, 1, "backoffice", True),
        (1, None, "dashboard", False),
        (1, 1, "backoffice", True),
    ]
    assert len(await office.enqueued("report-notice")) == 2

    # Whoever has a key is not to fill somebody's inbox by it: after six mails no more.
    for number in range(3, 7):
        await office.ask(a_request(requested_by=1), client="backoffice")
        assert len(await office.enqueued("report-notice")) == number
    for _ in range(3):
        again = await office.ask(a_request(requested_by=1), client="backoffice")
        assert (again.joined, again.report.file) == (True, FILE)
    await office.ask(a_request(requested_by=1), client="audit")
    await office.ask(a_request(requested_by=2), client="audit")
    assert (await office.askings())[7:] == [(1, None, "audit", False), (1, 2, "audit", True)]
    assert len(await office.enqueued("report-notice")) == 7

    # Once the first mail is an hour old, there is another one for whoever has lost it.
    await office.run("UPDATE report_askings SET noticed_at = noticed_at - interval '61 minutes' WHERE id = 1")
    await office.ask(a_request(requested_by=1), client="backoffice")
    await office.ask(a_request(requested_by=1), client="backoffice")
    assert (await office.askings())[9:] == [(1, 1, "backoffice", True)]
    assert len(await office.enqueued("report-notice")) == 8


async def test_a_client_without_a_member_gets_no_mail_and_sees_its_own_reports_alone(office: Office) -> None:
    mine = await office.ask(a_request(), client="backoffice")
    await office.ask(a_request(), client="backoffice")
    await office.ask(a_request())  # by nobody in particular
    await office.book.ready(mine.report.id, FILE)

    assert await office.askings() == [(1, None, "backoffice", False)]
    assert await office.enqueued("report-notice") == []
    assert await office.desk.find(mine.report.id, client="dashboard") is None
    assert await office.desk.find(uuid4()) is None
    found = await office.desk.find(mine.report.id, client="backoffice")
    assert found is not None
    assert (found.state, found.file) == (ReportState.ready, FILE)


async def test_asking_after_a_report_failed_or_was_cancelled_makes_the_next(office: Office) -> None:
    first = await office.ask(a_request(requested_by=1))
    await office.book.ended(first.report.id, ReportState.cancelled)
    second = await office.ask(a_request(requested_by=2))

    assert (second.joined, second.report.request.generation) == (False, 2)
    assert await office.enqueued("report-generation") == [f"{JOB}/1", f"{JOB}/2"]


async def test_asking_for_a_removed_file_makes_the_next(office: Office) -> None:
    first = await office.ask(a_request())
    await office.book.ready(first.report.id, FILE)
    await office.book.removed(first.report.id)
    found = await office.desk.find(first.report.id)
    assert found is not None
    assert (found.state, found.file) == (ReportState.removed, None)
    assert (await office.ask(a_request())).report.request.generation == 2


async def test_refreshing_joins_what_is_being_made_and_makes_anew_what_is_there(office: Office) -> None:
    first = await office.ask(a_request())
    during = await office.ask(a_request(), refresh=True)
    await office.book.ready(first.report.id, FILE)
    after = await office.ask(a_request(), refresh=True)
    joined = await office.ask(a_request())

    assert (during.joined, during.report.id) == (True, first.report.id)
    assert (after.joined, after.report.request.generation) == (False, 2)
    assert (joined.joined, joined.report.id) == (True, after.report.id)


async def test_a_report_of_a_period_that_was_not_over_is_made_anew_once_it_is_there(office: Office) -> None:
    request = a_request(day_of(datetime.now(UTC), "Europe/Zurich").text)
    first = await office.ask(request)
    assert (await office.ask(request)).joined
    await office.book.ready(first.report.id, FILE)
    assert (await office.ask(request)).report.request.generation == 2


async def test_a_report_that_was_begun_before_its_period_was_over_is_not_joined_after_it(office: Office) -> None:
    first = await office.ask(a_request())
    # A microsecond before Zurich's November.
    moment = datetime(2026, 10, 31, 22, 59, 59, 999_999, tzinfo=UTC)
    await office.run("UPDATE reports SET as_of = :at", at=moment)
    second = await office.ask(a_request())
    await office.run("UPDATE reports SET as_of = :at WHERE generation = 2", at=moment + timedelta(microseconds=1))

    assert (first.report.request.generation, second.report.request.generation) == (1, 2)
    assert (await office.ask(a_request())).report.id == second.report.id


async def test_reports_of_other_periods_zones_and_formats_are_others(office: Office) -> None:
    requests = [
        a_request(),
        a_request("2026-10-01..2026-10-31"),
        a_request(time_zone="UTC"),
        a_request(format="csv"),
        a_request(report="payments-reconciliation"),
    ]
    asked = [await office.ask(request) for request in requests]
    assert [(each.joined, each.report.request) for each in asked] == [(False, request) for request in requests]


async def test_what_cannot_be_asked_for_leaves_nothing_behind(office: Office) -> None:
    with pytest.raises(InvalidRequest, match="2999-01 has not begun in the time zone Europe/Zurich"):
        await office.ask(a_request("2999-01", requested_by=1))
    with pytest.raises(UnknownMember):
        await office.ask(a_request(requested_by=4711))
    assert (await office.count(), await office.enqueued("report-generation")) == (0, [])


async def test_a_request_with_a_key_asks_once_and_is_answered_the_same_again(office: Office) -> None:
    def answer(asked: Asked) -> Answer:
        return Answer(status=202, body=f"{asked.report.id} {asked.joined}", location=None)

    repeatable = Repeatable(client="backoffice", key="1", request_hash=hashlib.sha256(b"1").digest())
    once, *others = await asyncio.gather(
        *(office.desk.ask(a_request(requested_by=1), answer, repeatable, client="b") for _ in range(10))
    )
    assert {each.body for each in others} == {once.body}
    assert sum(each.replayed for each in [once, *others]) == 9
    assert len(await office.enqueued("report-generation")) == len(await office.askings()) == 1

    await office.desk.ask(a_request(), answer, None, client="b")
    other = Repeatable(client="backoffice", key="1", request_hash=hashlib.sha256(b"2").digest())
    with pytest.raises(KeyReused):
        await office.desk.ask(a_request(), answer, other)
    unknown = Repeatable(client="backoffice", key="2", request_hash=b"3" * 32)
    with pytest.raises(UnknownMember):
        await office.desk.ask(a_request(requested_by=4711), answer, unknown)
    # Nothing was kept with that key.
    assert not (await office.desk.ask(a_request(), answer, unknown)).replayed
