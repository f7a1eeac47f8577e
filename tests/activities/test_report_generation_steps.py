"""The last step of a report's job, with fakes behind the ports."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from temporalio.testing import ActivityEnvironment

from activities.report_generation import ReportGenerationActivities
from domain.errors import ServiceUnavailable
from domain.report_generation import ReportFormat, ReportGenerationRequest, ReportName
from domain.reports import EndInput, PartInput, PublishInput, ReportFile, ReportPlan
from tests.fakes_reports import FakeBook, FakeMaker, a_report

REQUEST = ReportGenerationRequest(report=ReportName.orders_export, period="2026-10", format=ReportFormat.csv)


class Maker(FakeMaker):
    """Cannot discard parts while it is `broken`."""

    broken = False

    async def discard_parts(self, report_id: UUID) -> None:
        if self.broken:
            raise ServiceUnavailable("The storage is away.")
        await super().discard_parts(report_id)


async def test_a_job_that_is_cancelled_between_file_and_record_leaves_neither_parts_nor_file() -> None:
    book, maker, report = FakeBook(), Maker(parts=1), a_report(REQUEST)
    maker.written = {report.id: {0}}
    file = await maker.publish(report, 1, lambda _rows: None)
    steps, cancelled = ReportGenerationActivities(book, maker), EndInput(request=REQUEST, cancelled=True)

    await ActivityEnvironment().run(steps.end, cancelled)
    assert (maker.written, maker.files) == ({}, {})
    assert book.reports[report.id].state == "cancelled"

    # Parts that stay are found by the cleanup at once; so it is the file that goes first.
    maker.written, maker.files = {report.id: {0}}, {report.id: file}
    maker.broken = True
    with pytest.raises(ServiceUnavailable):
        await ActivityEnvironment().run(steps.end, cancelled)
    assert (set(maker.written), maker.files) == ({report.id}, {})
    maker.broken = False

    # One that is recorded is somebody's, and stays.
    maker.files = {report.id: file}
    await book.ready(report.id, file)
    await ActivityEnvironment().run(steps.end, cancelled)
    assert maker.files == {report.id: file}


def test_payloads_of_before_that_have_whole_reports_are_accepted() -> None:
    report = a_report(REQUEST).model_dump(mode="json")
    piece = {"since": "2026-10-01T00:00:00Z", "until": "2026-11-01T00:00:00Z", "rows": 3}
    given = [
        ReportPlan.model_validate_json(json.dumps({"report": report, "slices": [piece]})),
        PartInput.model_validate_json(json.dumps({"report": report, "part": 1, "piece": piece})),
        PublishInput.model_validate_json(json.dumps({"report": report, "parts": 1})),
    ]
    assert [str(each.report_id) for each in given] == [report["id"]] * 3
    assert [name for each in given for name in each.model_dump() if name == "report"] == []
    file = {"key": "files/1/x.csv", "rows": 1, "bytes": 1, "sha256": "0" * 64}
    done = ReportPlan.model_validate_json(json.dumps({"report": {**report, "file": file}}))
    assert (done.file, done.slices) == (ReportFile.model_validate(file), ())
