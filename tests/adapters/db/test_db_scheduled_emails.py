"""Scheduled mails: those that are due are queued once each, with their jobs; and what becomes of one."""

from __future__ import annotations

import asyncio
import json

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.scheduled_jobs import PRIORITY, SqlScheduledEmails

_ADD = """
    INSERT INTO scheduled_emails (customer_id, subject, text, due_at)
    SELECT $1, 'Your week', 'Hello', now() + $2::text::interval FROM generate_series(1, $3) RETURNING id
"""


@pytest.fixture
def emails(engine: AsyncEngine) -> SqlScheduledEmails:
    return SqlScheduledEmails(engine)


@pytest.fixture
async def customer(direct: asyncpg.Connection) -> int:
    await direct.execute("TRUNCATE scheduled_emails, outbox")
    number: int = await direct.fetchval(
        "INSERT INTO customers (name, email, locale) VALUES ('Ada', 'ada@example.com', 'en_GB') RETURNING id"
    )
    return number


async def add(direct: asyncpg.Connection, customer: int, due: str, number: int = 1) -> list[int]:
    return [row["id"] for row in await direct.fetch(_ADD, customer, due, number)]


async def enqueued(direct: asyncpg.Connection) -> list[int]:
    rows = await direct.fetch("SELECT kind, payload, job_id, priority FROM outbox ORDER BY id")
    assert {row["kind"] for row in rows} <= {"scheduled-email"}
    assert {row["priority"] for row in rows} <= {PRIORITY}
    ids = [json.loads(row["payload"])["email_id"] for row in rows]
    assert [row["job_id"] for row in rows] == [f"scheduled-email/{id_}" for id_ in ids]
    return ids


async def test_what_is_due_is_queued_once_the_oldest_first_and_nothing_else(
    emails: SqlScheduledEmails, direct: asyncpg.Connection, customer: int
) -> None:
    late = await add(direct, customer, "1 hour", 2)
    now = await add(direct, customer, "-1 second", 2)
    old = await add(direct, customer, "-1 day", 2)
    (sent,) = await add(direct, customer, "-1 day")
    assert await emails.mark_sent(sent)

    assert [await emails.queue(3), await emails.queue(3), await emails.queue(3)] == [3, 1, 0]

    queued = await enqueued(direct)
    assert (set(queued[:3]) > set(old), set(queued)) == (True, {*old, *now})
    waiting = await direct.fetch("SELECT id FROM scheduled_emails WHERE queued_at IS NULL")
    assert {row["id"] for row in waiting} == set(late)


async def test_jobs_that_were_put_off_or_refused_do_not_count_as_waiting(
    emails: SqlScheduledEmails, direct: asyncpg.Connection, customer: int
) -> None:
    await add(direct, customer, "-1 second", 5)
    await emails.queue(5)
    assert await emails.waiting() == 5
    put_off = "retry_at = now(), error_type = 'Away', error = 'away'"
    refused = "refused_at = now(), error_type = 'Unknown', error = 'unknown'"
    for ended in (put_off, refused):
        await direct.execute(
            f"UPDATE outbox SET {ended}, attempts = 1 WHERE id = (SELECT min(id) FROM outbox WHERE attempts = 0)"  # noqa: S608  # from just above
        )
    assert await emails.waiting() == 3


async def test_a_mail_is_queued_if_and_only_if_its_job_is_enqueued(
    emails: SqlScheduledEmails, direct: asyncpg.Connection, customer: int
) -> None:
    await add(direct, customer, "-1 second", 2)
    await direct.execute("ALTER TABLE outbox ADD CONSTRAINT none_now CHECK (kind <> 'scheduled-email')")
    try:
        with pytest.raises(Exception, match="none_now"):
            await emails.queue(10)
    finally:
        await direct.execute("ALTER TABLE outbox DROP CONSTRAINT none_now")
    assert await direct.fetchval("SELECT count(queued_at) FROM scheduled_emails") == 0
    assert await emails.queue(10) == 2


async def test_a_mail_that_somebody_has_in_hand_keeps_nobody_waiting(
    emails: SqlScheduledEmails, direct: asyncpg.Connection, customer: int
) -> None:
    ids = await add(direct, customer, "-1 second", 3)
    async with direct.transaction():
        await direct.execute("SELECT 1 FROM scheduled_emails WHERE id = $1 FOR UPDATE", ids[0])
        assert await asyncio.wait_for(emails.queue(10), 5) == 2
    assert await emails.queue(10) == 1


async def test_a_mail_comes_with_its_customer_and_is_marked_once(
    emails: SqlScheduledEmails, direct: asyncpg.Connection, customer: int
) -> None:
    (email_id,) = await add(direct, customer, "1 hour")

    email = await emails.get(email_id)

    assert email is not None
    assert (email.id, email.subject, email.text, email.sent_at) == (email_id, "Your week", "Hello", None)
    assert (email.customer.id, email.customer.email, email.customer.locale) == (customer, "ada@example.com", "en_GB")
    assert [await emails.mark_sent(email_id), await emails.mark_sent(email_id)] == [True, False]
    row = await direct.fetchrow("SELECT queued_at, sent_at FROM scheduled_emails WHERE id = $1", email_id)
    assert row["queued_at"] == row["sent_at"], "one that was started by hand is not queued when its time comes"
    await direct.execute("DELETE FROM customers WHERE id = $1", customer)
    assert await emails.get(email_id) is None
