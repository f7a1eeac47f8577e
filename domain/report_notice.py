"""The request of a mail that tells where a report is, and what its step tells the workflow."""

from __future__ import annotations

from typing import Literal

from domain.requests import EntityId, JobRequest
from domain.values import Value


class ReportNoticeRequest(JobRequest):
    """Send the link to a report to somebody who asked for it, once."""

    kind = "report-notice"

    asking_id: EntityId
    """Row of `report_askings`: who asked for which report."""


class ReportTold(Value):
    """What became of the mail; no personal data, since it is kept in history."""

    state: Literal["told", "asking-not-found", "report-removed"]
    delivery_key: str
