"""The request of a report: which there are, in which formats, of which periods."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from domain.periods import FORMS, PATTERN, BadPeriod, Period, TimeZone
from domain.requests import EntityId, JobRequest


class ReportName(StrEnum):
    """What a report tells."""

    sales_summary = "sales-summary"
    """Per period: orders, revenue by currency, refunds, top products, by day."""
    orders_export = "orders-export"
    """Every line of every order of the period."""
    payments_reconciliation = "payments-reconciliation"
    """What payments and orders of the period disagree on."""


class ReportFormat(StrEnum):
    """The file that it becomes."""

    pdf = "pdf"
    xlsx = "xlsx"
    csv = "csv"
    parquet = "parquet"


OFFERED: Mapping[ReportName, frozenset[ReportFormat]] = {
    ReportName.sales_summary: frozenset({ReportFormat.pdf, ReportFormat.xlsx, ReportFormat.csv}),
    # Nobody reads a million lines on paper.
    ReportName.orders_export: frozenset({ReportFormat.csv, ReportFormat.parquet, ReportFormat.xlsx}),
    ReportName.payments_reconciliation: frozenset({ReportFormat.pdf, ReportFormat.xlsx, ReportFormat.csv}),
}
"""Formats by report, where they make sense."""


def _period(text: str) -> str:
    try:
        Period.parse(text)
    except BadPeriod as exc:
        raise ValueError(str(exc)) from None
    return text


PeriodText = Annotated[
    str,
    Field(max_length=24, pattern=PATTERN, description=f"Period: {FORMS}", examples=["2026-10"]),
    AfterValidator(_period),
]
"""A period as people write it: `2026-11`."""


class ReportGenerationRequest(JobRequest):
    """Make a report's file, once, and send its link to all who asked for it."""

    kind = "report-generation"

    report: ReportName
    period: PeriodText
    format: ReportFormat
    time_zone: TimeZone = "UTC"
    generation: Annotated[
        int, Field(ge=1, le=1_000_000, description="Which file of this report; chosen for you, but with --restart")
    ] = 1
    """The first file of this report is 1. Asking anew, where the one before failed or is outdated, makes the next."""
    requested_by: Annotated[EntityId | None, Field(description="Member of the staff who gets the link")] = None
    """Member of the staff who gets the link. It is not part of the id: two who ask get one file."""

    @model_validator(mode="after")
    def _is_offered(self) -> ReportGenerationRequest:
        if self.format not in OFFERED[self.report]:
            offered = ", ".join(sorted(OFFERED[self.report]))
            raise ValueError(f"{self.report} comes as {offered}, not as {self.format}")
        return self

    @property
    def business_id(self) -> str:
        """Report, period, time zone, format and generation."""
        zone = self.time_zone.replace("/", ".")
        return f"{self.report}/{self.period}/{zone}/{self.format}/{self.generation}"

    @property
    def span(self) -> Period:
        """The period, read."""
        return Period.parse(self.period)
