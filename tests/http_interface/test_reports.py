"""Asking for reports over HTTP, and looking at them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from domain.errors import OutcomeUnknown
from domain.progress import Progress
from domain.reports import ReportState
from starter.errors import TemporalUnreachable
from tests.http_interface.reporting import CONTENT, ReportingShop, new_report, reporting
from tests.http_interface.serving import PROBLEM, Served


@pytest.fixture
async def shop(shared: Served, tmp_path: Path) -> AsyncIterator[ReportingShop]:
    async with reporting(shared, tmp_path) as shop:
        yield shop


async def test_a_report_that_is_asked_for_is_there_with_its_job_and_can_be_looked_at(shop: ReportingShop) -> None:
    body = new_report(report="sales-summary", format="pdf", time_zone="Europe/Zurich", requested_by=shop.member)
    answer = await shop.ask(body)
    asked = answer.json()
    path = f"/reports/{asked['id']}"
    job = f"/jobs/report-generation/sales-summary/{body['period']}/Europe.Zurich/pdf/1"
    assert (answer.status_code, answer.headers["location"]) == (202, path)
    assert asked == {
        "id": asked["id"],
        **{name: body[name] for name in ("report", "period", "format", "time_zone")},
        "state": "requested",
        "joined": False,
        "links": {"self": path, "file": None, "job": job},
    }
    del asked["joined"]
    shown = (await shop.http.get(path)).json()
    assert {name: shown[name] for name in asked} == asked
    assert (shown["progress"], shown["file"], shown["finished_at"]) == (None, None, None)
    assert (await shop.http.get(job)).json()["state"] == "enqueued"


async def test_a_report_that_is_ready_tells_of_its_file(shop: ReportingShop) -> None:
    body = new_report()
    report_id = await shop.asked(**body)
    await shop.make(report_id, CONTENT)
    shown = (await shop.http.get(f"/reports/{report_id}")).json()
    assert (shown["state"], shown["links"]["file"]) == ("ready", f"/reports/{report_id}/file")
    name = f"orders-export-{body['period']}.csv"
    assert (shown["file"]["name"], shown["file"]["bytes"], shown["file"]["rows"]) == (name, len(CONTENT), 1)
    again = await shop.ask(body)
    assert (again.json()["id"], again.json()["state"], again.json()["joined"]) == (str(report_id), "ready", True)
    anew = await shop.ask(body, refresh=True)
    assert (anew.json()["id"] != str(report_id), anew.json()["joined"]) == (True, False)


async def test_a_key_makes_it_happen_once(shop: ReportingShop) -> None:
    body, key = new_report(requested_by=shop.member), uuid.uuid4().hex
    first = await shop.ask(body, key)
    again = await shop.ask(body, key)
    assert first.headers.get("idempotent-replayed") is None
    assert (again.headers["idempotent-replayed"], again.headers["location"]) == ("true", first.headers["location"])
    assert (again.status_code, again.text) == (202, first.text)
    other = await shop.ask(body, key, refresh=True)
    assert (other.status_code, other.json()["type"].rpartition(":")[2]) == (422, "idempotency-key-reused")
    at_once = await asyncio.gather(
        *(shop.ask(new := new_report(), uuid.uuid4().hex), *(shop.ask(new, "b") for _ in "123"))
    )
    assert len({answer.json()["id"] for answer in at_once}) == 1


async def test_whoever_asks_may_look_at_it_and_nobody_else(shop: ReportingShop) -> None:
    body = new_report()
    report_id = await shop.asked(**body)
    await shop.make(report_id, CONTENT)
    none = await shop.http.get(f"/reports/{uuid.uuid4()}")
    assert (none.status_code, none.headers["content-type"]) == (404, PROBLEM)
    async with await shop.with_key("others") as others:
        for path in (f"/reports/{report_id}", f"/reports/{report_id}/file"):
            answer = await others.get(path)
            assert (answer.status_code, answer.json()) == (404, none.json())
        assert (await others.post("/reports", json=body)).json()["joined"] is True
        assert (await others.get(f"/reports/{report_id}")).json()["state"] == "ready"
        assert (await others.get(f"/reports/{report_id}/file")).content == CONTENT


@pytest.mark.parametrize(
    "name",
    ["1", "..%2f..%2fetc%2fpasswd", "x" * 5000, "%00"],
)
async def test_what_is_no_id_is_not_found(shop: ReportingShop, name: str) -> None:
    for path in (f"/reports/{name}", f"/reports/{name}/file", f"/reports/{name}/file?token=x"):
        assert (await shop.http.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("change", "pointer", "detail"),
    [
        ({"period": "2026-13"}, "#/period", "is not in the calendar"),
        ({"period": "2020-01-01..2021-06-01"}, "#/period", "is longer than 366 days: ask for a part of it"),
        ({"period": "2999-12"}, "#/period", "must have begun in this time zone"),
        ({"period": "last month"}, "#/period", "must be written as 2026, 2026-Q4, 2026-11, 2026-11-24 or "),
        ({"time_zone": "Europe/Atlantis"}, "#/time_zone", "must be the IANA name of a time zone"),
        ({"report": "profits"}, "#/report", "must be 'sales-summary', "),
        ({"format": "pdf"}, "#/format", "must be one of csv, parquet, xlsx for this report"),
        ({"requested_by": 2**60}, "#/requested_by", "must be the number of a member of the staff"),
        ({"refresh": "yes"}, "#/refresh", "must be a valid boolean"),
        ({"generation": 7}, "#/generation", "is no member that is known here"),
    ],
)
async def test_what_does_not_fit_is_told_by_its_place(
    shop: ReportingShop, change: dict[str, Any], pointer: str, detail: str
) -> None:
    before = await shop.served.count("reports")
    answer = await shop.ask(**change)
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)
    [error] = answer.json()["errors"]
    assert error["pointer"] == pointer
    assert error["detail"].startswith(detail)
    assert await shop.served.count("reports") == before


class FailingDesk:
    async def ask(self, *_: Any, **__: Any) -> Any:
        raise OutcomeUnknown


async def test_a_commit_whose_outcome_is_unknown_says_what_to_do(shop: ReportingShop) -> None:
    shop.served.replace(reports=FailingDesk())
    for key in (None, "k"):
        answer = await shop.ask(key=key)
        assert answer.status_code == 503
        assert "the report may be asked for. Send the same again" in answer.json()["detail"]


class Telling:
    """Stands for the jobs and for one of them."""

    def __init__(self, told: Progress | Exception | None) -> None:
        self._told = told
        self.asked_of: list[str] = []

    def of(self, job_id: str) -> Telling:
        self.asked_of.append(job_id)
        return self

    async def progress(self) -> Progress | None:
        if isinstance(self._told, Exception):
            raise self._told
        return self._told


async def test_while_it_is_made_it_tells_how_far_that_is_where_temporal_knows(shop: ReportingShop) -> None:
    report_id = await shop.asked()
    for told in (None, TemporalUnreachable("away"), TimeoutError()):
        shop.served.replace(jobs=Telling(told))
        assert (await shop.http.get(f"/reports/{report_id}")).json()["progress"] is None
    jobs = Telling(Progress(done=3, of=9))
    shop.served.replace(jobs=jobs)
    shown = (await shop.http.get(f"/reports/{report_id}")).json()
    assert shown["progress"] == {"done": 3, "of": 9, "unit": "rows"}
    assert [f"/jobs/{job_id}" for job_id in jobs.asked_of] == [shown["links"]["job"]]

    await shop.book.ended(report_id, ReportState.failed)
    shown = (await shop.http.get(f"/reports/{report_id}")).json()
    assert (shown["state"], shown["progress"]) == ("failed", None)
    assert len(jobs.asked_of) == 1
