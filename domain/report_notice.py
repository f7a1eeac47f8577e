"""The request of a mail that tells where a report is, and what its step tells the workflow."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from domain.requests import EntityId, JobRequest


class ReportNoticeRequest(JobRequest):
    """Send the link to a report to somebody who asked for it, once."""

    kind = "report-notice"

    asking_id: EntityId
    """Row of `report_askings`: who asked for which report."""


class ReportTold(BaseModel):
    """What became of the mail; no personal data, since it is kept in history."""

    model_config = ConfigDict(frozen=True)

    state: Literal["told", "asking-not-found", "report-removed"]
    delivery_key: str
