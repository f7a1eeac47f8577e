"""The schedules: one row each. `jobs schedules apply` makes Temporal have them, `jobs schedules diff` compares.

`temporal schedule list|describe|trigger|backfill|toggle` work on them unchanged; see docs/schedules.md.
"""

from __future__ import annotations

from datetime import timedelta

from domain.dead_letter_digest import DeadLetterDigestRequest
from domain.dead_letter_sweep import DeadLetterSweepRequest
from domain.monthly_reports import MonthlyReportsRequest
from domain.payment_reconciliation import PaymentReconciliationRequest
from domain.report_cleanup import ReportCleanupRequest
from domain.scheduled_email_dispatch import ScheduledEmailDispatchRequest
from domain.session_cleanup import SessionCleanupRequest
from starter.scheduling.declared import ENTRY_POINTS, Schedule, ScheduleDeclarationError, ScheduleTable
from workflows.registry import Registry, registry

__all__ = [
    "ENTRY_POINTS",
    "OWNER",
    "SCHEDULES",
    "Schedule",
    "ScheduleDeclarationError",
    "ScheduleTable",
    "declared",
]

OWNER = "durable-jobs"
"""Whose schedules these are, where `SCHEDULES_OWNER` doesn't say otherwise."""

SCHEDULES: tuple[Schedule, ...] = (
    Schedule(
        id="cleanup-sessions",
        request=SessionCleanupRequest(),
        # Not between midnight and three, when clocks are changed: see docs/schedules.md.
        cron="0 3 * * *",
        catchup_window=timedelta(hours=12),
        note="Removes the sessions of the shop's site that have expired.",
    ),
    Schedule(
        id="scheduled-emails",
        request=ScheduledEmailDispatchRequest(),
        cron="*/5 * * * *",
        # The run after an outage takes all mails that are due by then.
        catchup_window=timedelta(minutes=10),
        note="Enqueues the job of each scheduled mail that is due.",
    ),
    Schedule(
        id="monthly-reports",
        request=MonthlyReportsRequest(),
        cron="0 0 1 * *",
        # A month's reports are wanted however late they are.
        catchup_window=timedelta(days=28),
        note="Asks for the reports of the month before, for all who have subscribed to them.",
    ),
    Schedule(
        id="payment-reconciliation",
        request=PaymentReconciliationRequest(),
        cron="*/15 * * * *",
        # The run after an outage asks for all that has changed since the last one.
        catchup_window=timedelta(minutes=30),
        note="Asks the payment provider for what changed, for callbacks get lost.",
    ),
    Schedule(
        id="report-cleanup",
        request=ReportCleanupRequest(),
        # Often, for whoever waits for a report whose job was terminated.
        cron="20 * * * *",
        catchup_window=timedelta(hours=12),
        note="Removes files of reports whose retention has ended, and fails reports that nobody makes any more.",
    ),
    Schedule(
        id="dead-letter-sweep",
        request=DeadLetterSweepRequest(),
        cron="*/5 * * * *",
        # Each looks back to where the last one came.
        catchup_window=timedelta(minutes=10),
        note="Finds dead runs that left no letter, and settles the letters of jobs that are well again.",
    ),
    Schedule(
        id="dead-letter-digest",
        request=DeadLetterDigestRequest(),
        cron="0 8 * * *",
        catchup_window=timedelta(hours=12),
        note="Reminds people of dead jobs that nobody has looked at.",
    ),
)
"""Ours. A run that is due while the one before is at work is skipped, and counted."""


def declared(kinds: Registry = registry, *, time_zone: str = "UTC") -> ScheduleTable:
    """These, and those of installed packages. Raises ScheduleDeclarationError, which says what to change."""
    table = ScheduleTable(SCHEDULES, kinds, time_zone=time_zone)
    table.load_installed()
    return table
