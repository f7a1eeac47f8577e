"""Each rule of the tables of scheduled jobs bites, whoever writes to them."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg
import pytest

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_ROWS: dict[str, dict[str, object]] = {
    "scheduled_periods": {"schedule": "monthly-reports", "period": "2026-10", "run": "one", "held_until": _NOW},
    "sessions": {"id": "abc", "expires_at": _NOW},
    "scheduled_emails": {"subject": "Your week", "text": "Hello", "due_at": _NOW},
}


async def _insert(direct: asyncpg.Connection, table: str, broken: dict[str, object]) -> None:
    values = _ROWS[table] | broken
    if table == "scheduled_emails":
        added = "INSERT INTO customers (name, locale) VALUES ('Ada', 'en') RETURNING id"
        values = {"customer_id": await direct.fetchval(added)} | values
    places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    await direct.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})", *values.values())  # noqa: S608  # names of this file


@pytest.mark.parametrize("table", _ROWS)
async def test_a_row_that_fits_is_taken(direct: asyncpg.Connection, table: str) -> None:
    await direct.execute(f"TRUNCATE {table}")
    await _insert(direct, table, {})


@pytest.mark.parametrize(
    ("table", "constraint", "broken"),
    [
        ("scheduled_periods", "pk_scheduled_periods", {}),
        ("scheduled_periods", "ck_scheduled_periods_schedule_length", {"schedule": ""}),
        ("scheduled_periods", "ck_scheduled_periods_period_length", {"period": "2026-10" * 10}),
        ("scheduled_periods", "ck_scheduled_periods_run_length", {"run": "r" * 1101}),
        ("scheduled_periods", "ck_scheduled_periods_result_when_done", {"period": "x", "done_at": _NOW}),
        ("scheduled_periods", "ck_scheduled_periods_result_when_done", {"period": "x", "result": "removed 7"}),
        ("scheduled_periods", "ck_scheduled_periods_result_length", {"done_at": _NOW, "result": "r" * 1001}),
        ("sessions", "pk_sessions", {}),
        ("sessions", "ck_sessions_id_length", {"id": ""}),
        ("sessions", "fk_sessions_customer_id_customers", {"id": "x", "customer_id": 2**62}),
        ("scheduled_emails", "ck_scheduled_emails_id_positive", {"id": 0}),
        ("scheduled_emails", "ck_scheduled_emails_subject_shape", {"subject": " \n"}),
        ("scheduled_emails", "ck_scheduled_emails_subject_shape", {"subject": "x" * 201}),
        ("scheduled_emails", "ck_scheduled_emails_text_shape", {"text": "\t"}),
        ("scheduled_emails", "ck_scheduled_emails_text_shape", {"text": "x" * 100_001}),
        ("scheduled_emails", "ck_scheduled_emails_sent_was_queued", {"sent_at": _NOW}),
        ("scheduled_emails", "fk_scheduled_emails_customer_id_customers", {"customer_id": 2**62}),
    ],
)
async def test_a_row_must_fit(
    direct: asyncpg.Connection, table: str, constraint: str, broken: dict[str, object]
) -> None:
    await direct.execute(f"TRUNCATE {table}")
    if constraint.startswith("pk_"):
        await _insert(direct, table, broken)
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as caught:
        await _insert(direct, table, broken)
    assert caught.value.constraint_name == constraint
