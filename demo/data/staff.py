"""Who works at the shop, and which reports they get every month."""

from __future__ import annotations

from domain.report_generation import ReportFormat, ReportName

MANAGER = 1
"""Number of the member who asks for reports in the guided tour."""

OPERATOR = "ops@shop.example.com"
"""Who is alerted."""
ALERTS_FROM = "alerts@shop.example.com"

STAFF = (
    {"id": MANAGER, "name": "Grace Okafor", "email": "grace.okafor@shop.example.com", "locale": "en_GB"},
    {"id": 2, "name": "Jörg Wyß", "email": "joerg.wyss@shop.example.com", "locale": "de_CH"},
)

SUBSCRIPTIONS = (
    {
        "member_id": MANAGER,
        "report": str(ReportName.sales_summary),
        "format": str(ReportFormat.pdf),
        "time_zone": "Europe/Zurich",
    },
    {
        "member_id": 2,
        "report": str(ReportName.payments_reconciliation),
        "format": str(ReportFormat.xlsx),
        "time_zone": "Europe/Zurich",
    },
)
