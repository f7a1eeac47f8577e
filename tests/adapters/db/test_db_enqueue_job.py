"""The function `enqueue_job`, as other languages call it, and the kinds that it knows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

from adapters.db import job_kinds, migrate
from domain.order_confirmation import OrderConfirmationRequest
from domain.requests import EntityId, JobRequest, ShortText

DatabaseMaker = Callable[[str], Awaitable[str]]


class CopyRequest(JobRequest):
    order_id: EntityId
    place: ShortText
    copies: int = 1


class DailyRequest(JobRequest):
    day: date


class NamedRequest(JobRequest):
    order_id: EntityId

    @property
    def business_id(self) -> str:
        return f"order-{self.order_id}"


KINDS = {each.kind: each for each in (OrderConfirmationRequest, CopyRequest, DailyRequest, NamedRequest)}


@pytest.fixture(scope="module")
async def database_url(database_url: str) -> str:
    """A database that knows these kinds, one of them by an earlier name, too."""
    await job_kinds.sync(database_url, KINDS | {"order-mail": OrderConfirmationRequest})
    return database_url


@pytest.fixture(autouse=True)
async def _empty(direct: asyncpg.Connection) -> None:
    await direct.execute("DELETE FROM outbox")


async def test_it_writes_one_entry_with_its_options_and_returns_its_id(direct: asyncpg.Connection) -> None:
    at = datetime(2026, 12, 24, 18, tzinfo=UTC)
    first = await direct.fetchval(
        "SELECT enqueue_job('order-confirmation', '{\"order_id\": 1042}', start_after => '10 minutes', priority => 1)"
    )
    second = await direct.fetchval(
        "SELECT enqueue_job(payload => '{}', kind => 'daily', start_at => $1, fairness_key => 'tenant-7')", at
    )

    rows = await direct.fetch(
        "SELECT id, kind, payload, job_id, start_delay, start_at, priority, fairness_key, attempts FROM outbox"
    )
    assert [tuple(row) for row in rows] == [
        (
            *(first, "order-confirmation", '{"order_id": 1042}'),
            *("order-confirmation/1042", timedelta(minutes=10), None, 1, None, 0),
        ),
        (*(second, "daily", "{}"), *(None, None, at, None, "tenant-7", 0)),
    ]


async def test_many_are_enqueued_by_one_statement_and_go_with_its_rollback(direct: asyncpg.Connection) -> None:
    enqueueing = "SELECT enqueue_job('copy', jsonb_build_object('order_id', n)) FROM generate_series(1, 100) AS n"
    await direct.execute(enqueueing)
    transaction = direct.transaction()
    await transaction.start()
    await direct.execute(enqueueing)
    await transaction.rollback()

    assert await direct.fetchval("SELECT count(*) FROM outbox") == 100


@pytest.mark.parametrize(
    ("kind", "payload", "job_id"),
    [
        ("order-mail", '{"order_id": 1}', "order-mail/1"),
        ("copy", '{"order_id": 1, "copies": 2, "place": "Zürich"}', "copy/1/Zürich/2"),
        ("copy", '{"order_id": 1, "place": "Zürich"}', None),  # a default, which only Python knows
        ("copy", '{"order_id": [1], "place": true, "copies": null}', None),
        ("daily", '{"day": "2026-01-31"}', None),
        ("named", '{"order_id": 1}', None),
        ("order-confirmation", '{"order_id": "x", "order": 1}', "order-confirmation/x"),  # the relay will refuse it
    ],
)
async def test_the_jobs_id_is_derived_if_it_is_plain_and_fields_are_left_to_the_relay(
    direct: asyncpg.Connection, kind: str, payload: str, job_id: str | None
) -> None:
    await direct.execute("SELECT enqueue_job($1, $2)", kind, payload)

    assert await direct.fetchval("SELECT job_id FROM outbox") == job_id


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (
            "'order-confirmatoin', '{}'",
            'no kind "order-confirmatoin"',
            "Known are: alert, copy, daily, dead-letter-digest, ",
        ),
        ("NULL, '{}'", "there is no kind", "A kind that has just been added is known once `jobs setup` has run."),
        ("'copy', NULL", "copy: the payload must be a JSON object", "The payload holds the fields"),
        ("'copy', '[1]'", "the payload must be a JSON object", "The payload holds the fields"),
        ("'copy', jsonb_build_object('a', repeat('é', 40000))", "larger than 64 KiB", "The payload holds the fields"),
        (
            "'copy', jsonb_build_object('order_id', 1, 'place', repeat('é', 500), 'copies', 1)",
            *("the job's id would be longer than 1000 bytes", "The payload holds the fields"),
        ),
        (
            "'daily', '{}', '-1 second'",
            "start_after must be from 0 to 36500 days",
            "(an interval such as '10 minutes')",
        ),
        ("'daily', '{}', '102 years'", "start_after must be from 0 to 36500 days", "Options"),
        ("'daily', '{}', start_at => 'infinity'", "start_at must be between the years 1900 and 3000", "Options"),
        ("'daily', '{}', '1 s', now()", "start_after and start_at exclude each other", "Options"),
        ("'daily', '{}', priority => 0", "priority must be from 1 (first) to 5 (last)", "Options"),
        ("'daily', '{}', priority => 6", "priority must be from 1 (first) to 5 (last)", "Options"),
        ("'daily', '{}', fairness_key => ''", "fairness_key must be from 1 to 64 bytes long", "Options"),
        ("'daily', '{}', fairness_key => repeat('é', 33)", "fairness_key must be from 1 to 64 bytes", "Options"),
    ],
)
async def test_what_cannot_be_enqueued_is_refused_with_what_can(
    direct: asyncpg.Connection, arguments: str, message: str, hint: str
) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError) as caught:
        await direct.execute(f"SELECT enqueue_job({arguments})")

    assert caught.value.message.startswith("enqueue_job: ")
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert await direct.fetchval("SELECT count(*) FROM outbox") == 0


async def test_it_means_the_tables_beside_it_whatever_the_callers_search_path_is(make_database: DatabaseMaker) -> None:
    url = await make_database("elsewhere")
    name = url.rpartition("/")[2]
    connection = await asyncpg.connect(url)
    await connection.execute('CREATE SCHEMA "Our jobs"; SET search_path = "Our jobs"')
    await connection.execute(f"""ALTER DATABASE "{name}" SET search_path = "Our jobs" """)
    await migrate.upgrade(url)
    await job_kinds.sync(url, KINDS)
    # Tables of others that happen to have the same names.
    await connection.execute("SET search_path = public; CREATE TABLE outbox (id int); CREATE TABLE job_kinds (id int)")

    await connection.execute("""SELECT "Our jobs".enqueue_job('order-confirmation', '{"order_id": 1}')""")

    assert await connection.fetchval('SELECT job_id FROM "Our jobs".outbox') == "order-confirmation/1"
    await connection.close()


async def test_a_role_with_these_rights_may_enqueue_and_one_without_may_not(direct: asyncpg.Connection) -> None:
    await direct.execute("CREATE ROLE enqueuer; CREATE ROLE stranger; GRANT enqueuer, stranger TO CURRENT_USER")
    await direct.execute("GRANT SELECT ON job_kinds TO enqueuer; GRANT INSERT, SELECT (id) ON outbox TO enqueuer")
    enqueueing = "SELECT enqueue_job('order-confirmation', '{\"order_id\": 1}')"

    try:
        await direct.execute(f"SET ROLE enqueuer; {enqueueing}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await direct.execute("SELECT payload FROM outbox")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await direct.execute(f"SET ROLE stranger; {enqueueing}")
    finally:
        await direct.execute("RESET ROLE; DROP OWNED BY enqueuer; DROP ROLE enqueuer, stranger")

    assert await direct.fetchval("SELECT count(*) FROM outbox") == 1


async def test_kinds_are_written_as_far_as_they_have_changed_and_others_stay(make_database: DatabaseMaker) -> None:
    url = await make_database("kinds")
    await migrate.upgrade(url)

    written = await asyncio.gather(*(job_kinds.sync(url, KINDS) for _ in range(4)))
    assert sorted(kind for kinds in written for kind in kinds) == sorted(KINDS)
    assert await job_kinds.sync(url, {"daily": DailyRequest, "copy": OrderConfirmationRequest}) == ["copy"]
    assert await job_kinds.sync(url, {}) == []
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT kind, id_fields FROM job_kinds ORDER BY kind")
    await connection.close()

    ids = '["order_id"]'
    assert [tuple(row) for row in rows] == [
        *(("copy", ids), ("daily", None), ("named", None), ("order-confirmation", ids))
    ]
