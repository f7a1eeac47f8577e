"""What the routes work with: made when the app starts, by the composition root."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from starlette.types import Scope

from adapters.db.payment_events import PaymentEvents
from adapters.payments.callbacks import Callbacks
from adapters.telemetry.http_requests import CallbackCounts
from domain.alerts import Alerts
from domain.outbox import EnqueuedJobs
from domain.placing import OrderDesk
from domain.ports import OrderRepository
from domain.report_ports import ReportDesk, ReportFiles, ReportLinks
from starter.http.gate import Gate
from starter.http.health import Health
from starter.jobs import Jobs
from workflows.registry import Registry


@dataclass(frozen=True)
class Parts:
    """Of one app."""

    desk: OrderDesk
    orders: OrderRepository
    reports: ReportDesk
    report_files: ReportFiles
    report_links: ReportLinks
    enqueued: EnqueuedJobs
    gate: Gate
    jobs: Jobs
    kinds: Registry
    health: Health
    callbacks: Callbacks | None
    """None where there is no secret to know them by."""
    callback_counts: CallbackCounts
    payment_events: PaymentEvents
    alerts: Alerts
    body_limit: int
    """Bytes."""
    request_timeout: timedelta


def parts_of(scope: Scope) -> Parts:
    """Of the app that has got the request."""
    return cast("Parts", scope["app"].state.parts)
