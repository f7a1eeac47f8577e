"""The adapters of one process, behind the ports that activities and the relay need."""

from __future__ import annotations

from datetime import timedelta

from adapters.alerts import MAX_CONCURRENCY, AppriseChannels
from adapters.db import engine as database
from adapters.db.alerts import SqlAlerts
from adapters.db.dead_letters import SqlDeadLetterRepository, SqlSweepCheckpoint
from adapters.db.deliveries import SqlDeliveryLedger
from adapters.db.orders import SqlOrders
from adapters.db.outbox_relay import SqlOutbox
from adapters.db.payments import SqlPayments
from adapters.db.reconciliations import SqlReconciliations
from adapters.db.report_desk import SqlReportDesk, SqlSubscriptions
from adapters.db.reports import SqlReports
from adapters.db.scheduled_jobs import SqlPeriodLedger, SqlScheduledEmails, SqlSessions
from adapters.db.statements import longest_statement
from adapters.email.course import longest_send
from adapters.email.sender import SmtpMailSender
from adapters.email.templates import JinjaMailTemplates
from adapters.payments.api import longest_call
from adapters.payments.provider import StripePayments
from adapters.reports import storage
from adapters.reports.links import SignedLinks
from adapters.reports.maker import MAX_CONCURRENCY as PARTS_AT_ONCE
from adapters.reports.maker import Reports
from adapters.settings import Settings
from domain.alerts import AlertChannels, Alerts
from domain.dead_letter_sweep import SweepCheckpoint, SweepTimes
from domain.dead_letters import DeadLetterRepository
from domain.errors import InvalidRequest
from domain.monthly_reports import Subscriptions
from domain.payments import PaymentProvider, PaymentStore, Reconciliations
from domain.ports import DeliveryLedger, MailSender, MailTemplates, OrderRepository
from domain.report_cleanup import ReportRetention
from domain.report_ports import ReportBook, ReportDesk, ReportLinks, ReportMaker
from domain.scheduled_email import ScheduledEmails
from domain.scheduled_email_dispatch import DueEmails
from domain.scheduling import PeriodLedger
from domain.session_cleanup import Sessions

_OF_DATABASE: tuple[type, ...] = (
    *(OrderRepository, DeliveryLedger, PaymentStore, Reconciliations, PeriodLedger, Sessions),
    *(DueEmails, ScheduledEmails, Subscriptions, ReportDesk, ReportBook),
    *(Alerts, DeadLetterRepository, SweepCheckpoint),
)
"""Ports whose calls are one statement, or one transaction, of the database."""


class Misconfigured(Exception):
    """The settings, options and kinds do not go together. The message names what to change."""


class Outside:
    """The adapters of one process, behind ports. Making them connects to nothing."""

    def __init__(self, settings: Settings, *, web_ui: str = "http://127.0.0.1:8233") -> None:
        """`web_ui` is the Web UI's address. Raises Misconfigured where the settings cannot be used."""
        try:
            self._engine = database.make_engine(settings.database, application_name="durable-jobs-worker")
            # A pool of its own, so that a busy one doesn't look like a database that is away.
            one = settings.database.model_copy(update={"connections": 1})
            self._probed = database.make_engine(one, application_name="durable-jobs-probe")
            # Held while Temporal starts a batch: the steps of jobs are not to wait for that.
            relayed = settings.database.model_copy(update={"connections": settings.outbox.batches + 1})
            self._relayed = database.make_engine(relayed, application_name="durable-jobs-relay")
            # Its lock is the connection's. Made at need, and closed with the lock.
            self._alone = database.make_engine(
                settings.database.directly, application_name="durable-jobs-alone", pooled=False
            )
            self.mail = SmtpMailSender(settings.smtp, settings.mail)
            self.provider = StripePayments(settings.payment)
            self.alert_channels = AppriseChannels(settings.alerts, web_ui=web_ui)
            self._storage = storage.storage_of(settings.reports, settings.aws)
        except InvalidRequest as exc:
            raise Misconfigured(exc.message) from exc
        except OSError as exc:
            raise Misconfigured(f"SMTP_CA_FILE cannot be read: {exc.strerror or type(exc).__name__}.") from exc
        self._reports = Reports(self._storage, settings.database)
        self.letters = SqlDeadLetterRepository(self._engine, alert_window=settings.alerts.window)
        self.ports: dict[type, object] = {
            OrderRepository: SqlOrders(self._engine),
            DeliveryLedger: SqlDeliveryLedger(self._engine),
            MailTemplates: JinjaMailTemplates(settings.mail.from_name),
            MailSender: self.mail,
            PaymentProvider: self.provider,
            PaymentStore: SqlPayments(self._engine),
            Reconciliations: SqlReconciliations(self._alone),
            PeriodLedger: SqlPeriodLedger(self._engine),
            Sessions: SqlSessions(self._engine),
            DueEmails: SqlScheduledEmails(self._engine),
            ScheduledEmails: SqlScheduledEmails(self._engine),
            Subscriptions: SqlSubscriptions(self._engine),
            ReportDesk: SqlReportDesk(self._engine),
            ReportBook: SqlReports(self._engine),
            ReportMaker: self._reports.maker,
            ReportLinks: SignedLinks(settings.reports),
            ReportRetention: ReportRetention(files=settings.reports.kept),
            Alerts: SqlAlerts(self._engine, window=settings.alerts.window),
            AlertChannels: self.alert_channels,
            DeadLetterRepository: self.letters,
            SweepCheckpoint: SqlSweepCheckpoint(self._engine),
            SweepTimes: SweepTimes(no_worker_after=settings.dead_letters.no_worker_after),
        }
        self.outbox = SqlOutbox(self._relayed, settings.database, alert_window=settings.alerts.window)
        by_database = (
            longest_statement(settings.database),
            "DATABASE_CONNECT_TIMEOUT or DATABASE_COMMAND_TIMEOUT, which counts twice",
        )
        self.limits: dict[type, tuple[timedelta, str]] = {
            **dict.fromkeys(_OF_DATABASE, by_database),
            AlertChannels: (timedelta(seconds=settings.alerts.timeout), "ALERT_TIMEOUT"),
            PaymentProvider: (longest_call(settings.payment), "PAYMENT_CALL_TIMEOUT"),
            MailSender: (longest_send(settings.smtp), "SMTP_DATA_TIMEOUT or another of the SMTP_…_TIMEOUTs"),
        }
        """By port: the longest that one call can take, and the settings that this comes from."""
        self.at_once: dict[type, int] = {
            MailSender: settings.smtp.connections,
            AlertChannels: MAX_CONCURRENCY,
            ReportMaker: PARTS_AT_ONCE,
            PaymentProvider: settings.payment.connections,
        }
        """By port: how many calls it serves at a time, where that is less than there are jobs at work."""

    async def database(self) -> str:
        """Probe for a `Need`: reachable, and with the schema that this code needs."""
        return f"PostgreSQL {await database.probe(self._probed)} at {self._probed.url.host}, schema up to date"

    async def storage(self) -> str:
        """Probe for a `Need`: reports can be written and read where they are kept."""
        return await storage.probe(self._storage)

    async def close(self) -> None:
        """Close all connections."""
        await self.mail.aclose()
        await self.provider.aclose()
        self.alert_channels.close()
        self._reports.close()
        await self._engine.dispose()
        await self._alone.dispose()
        await self._relayed.dispose()
        await self._probed.dispose()
