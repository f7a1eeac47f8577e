"""Who works at the shop, and which reports they get every month."""

from __future__ import annotations

MANAGER = {"id": 1, "name": "Grace Okafor", "email": "grace.okafor@shop.example.com", "locale": "en_GB"}
"""Asks for reports in the guided tour."""
STAFF = (MANAGER, {"id": 2, "name": "Jörg Wyß", "email": "joerg.wyss@shop.example.com", "locale": "de_CH"})

OPERATOR = "ops@shop.example.com"
"""Gets the alerts."""
ALERTS_FROM = "alerts@shop.example.com"

SUBSCRIPTIONS = (
    {"member_id": 1, "report": "sales-summary", "format": "pdf", "time_zone": "Europe/Zurich"},
    {"member_id": 2, "report": "payments-reconciliation", "format": "xlsx", "time_zone": "Europe/Zurich"},
)
