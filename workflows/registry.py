"""The kinds of job: one row each. Workers, starters, `jobs kinds` and the documentation all read this table."""

from __future__ import annotations

from activities.alert import AlertActivities
from activities.dead_letter_digest import DeadLetterDigestActivities
from activities.dead_letter_sweep import DeadLetterSweepActivities
from activities.monthly_reports import MonthlyReportsActivities
from activities.order_confirmation import OrderConfirmationActivities
from activities.payment_callback import PaymentCallbackActivities
from activities.payment_notice import PaymentNoticeActivities
from activities.payment_reconciliation import PaymentReconciliationActivities
from activities.report_cleanup import ReportCleanupActivities
from activities.report_generation import ReportGenerationActivities
from activities.report_notice import ReportNoticeActivities
from activities.scheduled_email import ScheduledEmailActivities
from activities.scheduled_email_dispatch import ScheduledEmailDispatchActivities
from activities.session_cleanup import SessionCleanupActivities
from domain.alert import AlertRequest
from domain.dead_letter_digest import DeadLetterDigestRequest
from domain.dead_letter_sweep import DeadLetterSweepRequest
from domain.monthly_reports import MonthlyReportsRequest
from domain.order_confirmation import OrderConfirmationRequest
from domain.payment_callback import PaymentCallbackRequest
from domain.payment_notice import PaymentNoticeRequest
from domain.payment_reconciliation import PaymentReconciliationRequest
from domain.policies import ALERT, MAINTENANCE, NOTIFICATION, PAYMENT, REPORT
from domain.report_cleanup import ReportCleanupRequest
from domain.report_generation import ReportGenerationRequest
from domain.report_notice import ReportNoticeRequest
from domain.scheduled_email import ScheduledEmailRequest
from domain.scheduled_email_dispatch import ScheduledEmailDispatchRequest
from domain.session_cleanup import SessionCleanupRequest
from workflows.alert import Alert
from workflows.dead_letter_digest import DeadLetterDigest
from workflows.dead_letter_sweep import DeadLetterSweep
from workflows.kinds import ENTRY_POINTS, Kind, Registry, RegistryError
from workflows.monthly_reports import MonthlyReports
from workflows.order_confirmation import OrderConfirmation
from workflows.payment_callback import PaymentCallback
from workflows.payment_notice import PaymentNotice
from workflows.payment_reconciliation import PaymentReconciliation
from workflows.report_cleanup import ReportCleanup
from workflows.report_generation import ReportGeneration
from workflows.report_notice import ReportNotice
from workflows.scheduled_email import ScheduledEmail
from workflows.scheduled_email_dispatch import ScheduledEmailDispatch
from workflows.session_cleanup import SessionCleanup

__all__ = ["ENTRY_POINTS", "Kind", "Registry", "RegistryError", "registry"]

registry = Registry(
    Kind(
        request=OrderConfirmationRequest,
        workflow=OrderConfirmation,
        activities=OrderConfirmationActivities,
        queue="notifications",
        policy=NOTIFICATION,
    ),
    Kind(
        request=PaymentCallbackRequest,
        workflow=PaymentCallback,
        activities=PaymentCallbackActivities,
        queue="payments",
        policy=PAYMENT,
    ),
    Kind(
        request=PaymentNoticeRequest,
        workflow=PaymentNotice,
        activities=PaymentNoticeActivities,
        queue="notifications",
        policy=NOTIFICATION,
    ),
    Kind(
        request=PaymentReconciliationRequest,
        workflow=PaymentReconciliation,
        activities=PaymentReconciliationActivities,
        queue="payments",
        # Long where much has changed, and made again by the next one.
        policy=REPORT,
        restart_after_failure=True,
    ),
    Kind(
        request=ReportGenerationRequest,
        workflow=ReportGeneration,
        activities=ReportGenerationActivities,
        queue="reports",
        policy=REPORT,
        # The user can ask again.
        restart_after_failure=True,
    ),
    Kind(
        request=ReportNoticeRequest,
        workflow=ReportNotice,
        activities=ReportNoticeActivities,
        queue="notifications",
        policy=NOTIFICATION,
    ),
    Kind(
        request=ReportCleanupRequest,
        workflow=ReportCleanup,
        activities=ReportCleanupActivities,
        queue="maintenance",
        policy=MAINTENANCE,
        # The next one goes on where it ended.
        restart_after_failure=True,
    ),
    Kind(
        request=AlertRequest,
        workflow=Alert,
        activities=AlertActivities,
        # Not among the mails: a mail server that is slow or down is what people are to hear of.
        queue="alerts",
        policy=ALERT,
    ),
    Kind(
        request=SessionCleanupRequest,
        workflow=SessionCleanup,
        activities=SessionCleanupActivities,
        queue="maintenance",
        policy=MAINTENANCE,
        # What is left is removed by the next one.
        restart_after_failure=True,
    ),
    Kind(
        request=ScheduledEmailDispatchRequest,
        workflow=ScheduledEmailDispatch,
        activities=ScheduledEmailDispatchActivities,
        queue="maintenance",
        policy=MAINTENANCE,
        # What is left is queued by the next one.
        restart_after_failure=True,
    ),
    Kind(
        request=ScheduledEmailRequest,
        workflow=ScheduledEmail,
        activities=ScheduledEmailActivities,
        queue="notifications",
        policy=NOTIFICATION,
    ),
    Kind(
        request=MonthlyReportsRequest,
        workflow=MonthlyReports,
        activities=MonthlyReportsActivities,
        queue="maintenance",
        policy=MAINTENANCE,
        # Those that were asked for are not asked for again.
        restart_after_failure=True,
    ),
    Kind(
        request=DeadLetterSweepRequest,
        workflow=DeadLetterSweep,
        activities=DeadLetterSweepActivities,
        queue="maintenance",
        policy=MAINTENANCE,
        # What one has not found, the next one does.
        restart_after_failure=True,
    ),
    Kind(
        request=DeadLetterDigestRequest,
        workflow=DeadLetterDigest,
        activities=DeadLetterDigestActivities,
        queue="maintenance",
        policy=MAINTENANCE,
        # A letter is told of once a day.
        restart_after_failure=True,
    ),
)
"""The kinds of job of this process. Workers, `jobs` and `Jobs.connect` add those of installed packages."""
