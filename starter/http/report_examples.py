"""Requests and responses about reports, as the OpenAPI description shows them."""

from __future__ import annotations

from typing import Any

from starter.http.problems import ProblemType

NEW_REPORTS: dict[str, Any] = {
    "month": {
        "summary": "A month's sales as PDF, with a mail to a member of the staff",
        "value": {
            "report": "sales-summary",
            "period": "2026-11",
            "format": "pdf",
            "time_zone": "Europe/Zurich",
            "requested_by": 1,
        },
    },
    "export": {
        "summary": "All order lines of a quarter",
        "value": {"report": "orders-export", "period": "2026-Q3", "format": "parquet"},
    },
}

_ID = "5f0c7a52-6f2e-4f4f-9a35-0f6c1f0f7c11"
_SELF = f"/reports/{_ID}"
_LINKS = {
    "self": _SELF,
    "file": None,
    "job": "/jobs/report-generation/sales-summary/2026-11/Europe.Zurich/pdf/1",
}
_REPORT = {
    "id": _ID,
    "report": "sales-summary",
    "period": "2026-11",
    "format": "pdf",
    "time_zone": "Europe/Zurich",
    "state": "requested",
    "links": _LINKS,
}
_MADE = {"state": "ready", "links": _LINKS | {"file": f"{_SELF}/file"}}
_SHOWN = _REPORT | {
    "as_of": "2026-12-01T08:30:00Z",
    "asked_at": "2026-12-01T08:30:00Z",
    "finished_at": None,
    "progress": None,
    "file": None,
}

REPORT_RESPONSES: dict[tuple[str, str, str], dict[str, Any]] = {
    ("/reports", "post", "202"): {
        "asked": {"summary": "It is being made", "value": _REPORT | {"joined": False}},
        "there": {"summary": "It is there already", "value": _REPORT | _MADE | {"joined": True}},
    },
    ("/reports/{report_id}", "get", "200"): {
        "requested": {"value": _SHOWN | {"progress": {"done": 40_000, "of": 90_000, "unit": "rows"}}},
        "ready": {
            "value": _SHOWN
            | _MADE
            | {
                "finished_at": "2026-12-01T08:30:04Z",
                "file": {
                    "name": "sales-summary-2026-11.pdf",
                    "media_type": "application/pdf",
                    "rows": 312,
                    "bytes": 48_211,
                    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                },
            }
        },
    },
}
"""By path, method and status."""

REPORT_PROBLEMS: dict[ProblemType, dict[str, Any]] = {
    ProblemType.invalid_link: {
        "detail": "The link is not valid: it has expired, or is not whole. Ask for the report again to get a new one."
    },
    ProblemType.report_not_ready: {"detail": "The report is being made. Ask again."},
    ProblemType.report_not_made: {"detail": "The report was not made (failed). Ask for the report again."},
    ProblemType.report_removed: {"detail": "The report's time is over: ask for the report again."},
    ProblemType.range_not_satisfiable: {"detail": "The file has no byte in this range: it ends before it."},
}
"""What follows type, title and status."""
