"""The tables of reports: what was asked for, by whom, and where the file is; never what is in it."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import UUID

from adapters.db.tables import EMAIL_SHAPE, LOCALE_SHAPE, NAME_NOT_BLANK, metadata
from domain.report_generation import ReportFormat, ReportName
from domain.reports import ReportState


def _one_of(column: str, values: type[ReportFormat | ReportName | ReportState]) -> str:
    return f"{column} IN ({', '.join(repr(str(value)) for value in values)})"


# Who can ask for reports.
staff = Table(
    "staff",
    metadata,
    Column("id", BigInteger, Identity(always=False), primary_key=True),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("locale", Text, nullable=False),
    CheckConstraint("id > 0", name="id_positive"),
    CheckConstraint(NAME_NOT_BLANK, name="name_not_blank"),
    CheckConstraint(EMAIL_SHAPE, name="email_shape"),
    CheckConstraint(LOCALE_SHAPE, name="locale_shape"),
)

reports = Table(
    "reports",
    metadata,
    Column("id", UUID, primary_key=True, server_default=func.gen_random_uuid()),
    Column("report", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("state", Text, nullable=False),
    # What was placed later is in no part of it.
    Column("as_of", DateTime(timezone=True), nullable=False),
    Column("asked_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("finished_at", DateTime(timezone=True)),
    Column("key", Text),
    Column("rows", BigInteger),
    Column("bytes", BigInteger),
    Column("sha256", Text),
    UniqueConstraint("report", "period", "time_zone", "format", "generation", name="uq_reports_generation"),
    CheckConstraint(_one_of("report", ReportName), name="report_known"),
    CheckConstraint(_one_of("format", ReportFormat), name="format_known"),
    CheckConstraint(_one_of("state", ReportState), name="state_known"),
    CheckConstraint("char_length(period) BETWEEN 1 AND 24", name="period_length"),
    CheckConstraint("char_length(time_zone) BETWEEN 1 AND 64", name="time_zone_length"),
    CheckConstraint("generation >= 1", name="generation_from_one"),
    CheckConstraint("(state IN ('ready', 'removed')) = (key IS NOT NULL)", name="file_when_ready"),
    CheckConstraint(
        "num_nulls(key, rows, bytes, sha256) IN (0, 4) AND (key IS NULL OR finished_at IS NOT NULL)",
        name="file_whole",
    ),
    CheckConstraint("rows >= 0 AND bytes >= 0", name="sizes_not_negative"),
    CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256_shape"),
)
Index("ix_reports_finished_at", reports.c.finished_at, postgresql_where=reports.c.state == "ready")

# Who asked for which report: whoever did gets its link, and may look at it through the API key it was asked by.
report_askings = Table(
    "report_askings",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("report_id", UUID, ForeignKey("reports.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("member_id", BigInteger, ForeignKey("staff.id", ondelete="CASCADE"), index=True),
    # Name of the API key.
    Column("client", Text),
    Column("asked_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    # When the mail with the link was enqueued.
    Column("noticed_at", DateTime(timezone=True)),
    CheckConstraint("member_id IS NOT NULL OR client IS NOT NULL", name="somebody"),
)

# Reports that are made every month, and for whom.
report_subscriptions = Table(
    "report_subscriptions",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("report", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("time_zone", Text, nullable=False, server_default="UTC"),
    Column("member_id", BigInteger, ForeignKey("staff.id", ondelete="CASCADE"), nullable=False),
    UniqueConstraint("member_id", "report", "format", "time_zone", name="uq_report_subscriptions_once"),
    CheckConstraint(_one_of("report", ReportName), name="report_known"),
    CheckConstraint(_one_of("format", ReportFormat), name="format_known"),
    CheckConstraint("char_length(time_zone) BETWEEN 1 AND 64", name="time_zone_length"),
)
