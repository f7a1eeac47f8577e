"""The function `enqueue_job`, as other languages call it: what it writes, what it refuses, and with which words."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated

import asyncpg
import pytest
from pydantic import Field

from adapters.db import job_kinds, migrate
from domain.order_confirmation import OrderConfirmationRequest
from domain.requests import JobRequest
from tests.adapters.db.enqueueable import DaysRequest, NumbersRequest, OpenRequest, OptionalRequest, TextsRequest

DatabaseMaker = Callable[[str], Awaitable[str]]


class LongTextsRequest(JobRequest):
    one: Annotated[str, Field(max_length=600)]
    other: Annotated[str, Field(max_length=600)]


KINDS: list[type[JobRequest]] = [
    *(OrderConfirmationRequest, NumbersRequest, TextsRequest, DaysRequest, OptionalRequest, OpenRequest),
    LongTextsRequest,
]


@pytest.fixture(scope="module")
async def database_url(database_url: str) -> str:
    """One that knows these kinds."""
    await job_kinds.sync(database_url, KINDS)
    return database_url


@pytest.fixture(autouse=True)
async def _empty(direct: asyncpg.Connection) -> None:
    await direct.execute("DELETE FROM outbox")


async def test_it_writes_one_entry_and_returns_its_id(direct: asyncpg.Connection) -> None:
    entry = await direct.fetchval("SELECT enqueue_job('order-confirmation', '{\"order_id\": 1042}')")

    [row] = await direct.fetch("SELECT * FROM outbox")
    assert dict(row) == {
        **dict(row),
        "id": entry,
        "kind": "order-confirmation",
        "payload": '{"order_id": 1042}',
        "job_id": "order-confirmation/1042",
        "start_at": None,
        "start_delay": None,
        "priority": None,
        "fairness_key": None,
        "attempts": 0,
        "refused_at": None,
    }


async def test_its_options_are_given_by_name(direct: asyncpg.Connection) -> None:
    at = datetime(2026, 12, 24, 18, tzinfo=UTC)

    await direct.execute(
        "SELECT enqueue_job('order-confirmation', '{\"order_id\": 1}', start_after => '10 minutes', priority => 1)"
    )
    await direct.execute(
        "SELECT enqueue_job(payload => $1, kind => $2, start_at => $3, fairness_key => $4)",
        '{"order_id": 2}',
        "order-confirmation",
        at,
        "tenant-7",
    )

    rows = await direct.fetch("SELECT start_delay, start_at, priority, fairness_key FROM outbox ORDER BY id")
    assert [tuple(row) for row in rows] == [(timedelta(minutes=10), None, 1, None), (None, at, None, "tenant-7")]


async def test_jobs_of_many_rows_are_enqueued_by_one_statement(direct: asyncpg.Connection) -> None:
    await direct.execute(
        "SELECT enqueue_job('order-confirmation', jsonb_build_object('order_id', n)) FROM generate_series(1, 100) AS n"
    )

    ids = await direct.fetch("SELECT job_id FROM outbox ORDER BY id")
    assert [row[0] for row in ids] == [f"order-confirmation/{number}" for number in range(1, 101)]


async def test_what_a_transaction_enqueued_goes_with_its_rollback(direct: asyncpg.Connection) -> None:
    transaction = direct.transaction()
    await transaction.start()
    await direct.execute("SELECT enqueue_job('order-confirmation', '{\"order_id\": 1}')")
    await transaction.rollback()

    assert await direct.fetchval("SELECT count(*) FROM outbox") == 0


_FIELDS_OF_NUMBERS = (
    "Its fields are: order_id (a whole number from 1), any_number (a whole number; can be left out), "
    "dozen (a whole number (a multiple of 12); can be left out), "
    "percent (a whole number from 0 to 100; can be left out)."
)


@pytest.mark.parametrize(
    ("kind", "payload", "message", "hint"),
    [
        (
            "order-confirmatoin",
            {},
            'there is no kind "order-confirmatoin"',
            "Known are: days, ",
        ),
        ("order-confirmatoin", {}, "there is no kind", "is known once `jobs setup` has run."),
        ("numbers", {}, 'the field "order_id" is missing', _FIELDS_OF_NUMBERS),
        ("numbers", {"order_id": 1, "x": 1}, 'there is no field "x"', _FIELDS_OF_NUMBERS),
        ("numbers", {"orderId": 1}, 'there is no field "orderId"', _FIELDS_OF_NUMBERS),
        ("numbers", [1], "the payload must be a JSON object", _FIELDS_OF_NUMBERS),
        ("numbers", {"order_id": "1"}, '"order_id" must be a whole number from 1, which the JSON string given', "Its"),
        ("numbers", {"order_id": 0}, '"order_id" must be a whole number from 1, which the JSON number given', "Its"),
        ("numbers", {"order_id": 2**63}, '"order_id" must be a whole number from 1, which', "Its"),
        ("numbers", {"order_id": 1.0}, '"order_id" must be a whole number from 1, which', "Its"),
        ("numbers", {"order_id": None}, '"order_id" must be a whole number from 1, which the JSON null given', "Its"),
        ("numbers", {"order_id": 1, "percent": 101}, '"percent" must be a whole number from 0 to 100', "Its"),
        ("numbers", {"order_id": 1, "dozen": 13}, "(a multiple of 12)", "Its"),
        ("texts", {"event_id": ""}, '"event_id" must be text of 1 to 255 characters without white space', "Its"),
        ("texts", {"event_id": "x" * 256}, '"event_id" must be text of 1 to 255 characters without white', "Its"),
        ("texts", {"event_id": "a/b"}, '"event_id" must be text of 1 to 255 characters without white', "Its"),
        ("texts", {"event_id": "a", "code": "x1"}, '"code" must be text of 0 to 8 characters that fits ^[A-Z]', "Its"),
        ("days", {"day": "2026-02-29"}, '"day" must be a date such as 2026-01-31', "Its"),
        ("days", {"day": "2026-01-31", "this_century": "1999-12-31"}, "from 2000-01-01 to 2099-12-31", "Its"),
        ("days", {"day": "2026-01-31", "run_id": "x"}, '"run_id" must be a UUID such as 123e4567', "Its"),
        ("optional", {"customer_id": 1, "colour": "green"}, '"colour" must be one of r, b b, 1, or null', "Its"),
        ("optional", {"customer_id": 1, "draft": "no"}, '"draft" must be true or false, or null', "Its"),
        ("open", {}, 'the field "order_id" is missing', "Its fields are: order_id (a whole number from 1)."),
        ("long-texts", {"one": "a" * 600, "other": "b" * 600}, "the job's id would be longer than 1000", "Temporal"),
        ("long-texts", {"one": "a", "other": "b" * 70_000}, "the payload is larger than 64 KiB", "Its"),
    ],
)
async def test_what_does_not_fit_its_kind_is_refused_with_what_would(
    direct: asyncpg.Connection, kind: str, payload: object, message: str, hint: str
) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError) as caught:
        await direct.execute("SELECT enqueue_job($1, $2)", kind, json.dumps(payload))

    assert caught.value.sqlstate == "22023"
    assert caught.value.message.startswith("enqueue_job: ")
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert await direct.fetchval("SELECT count(*) FROM outbox") == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("start_after => '-1 second'", "start_after must be from 0 to 36500 days"),
        ("start_after => '102 years'", "start_after must be from 0 to 36500 days"),
        ("start_at => 'infinity'", "start_at must be between the years 1900 and 3000"),
        ("start_after => '1 s', start_at => now()", "start_after and start_at exclude each other"),
        ("priority => 0", "priority must be from 1 (first) to 5 (last)"),
        ("priority => 6", "priority must be from 1 (first) to 5 (last)"),
        ("fairness_key => ''", "fairness_key must be from 1 to 64 bytes long"),
        ("fairness_key => repeat('é', 33)", "fairness_key must be from 1 to 64 bytes long"),
    ],
)
async def test_options_that_cannot_be_are_refused_with_what_can(
    direct: asyncpg.Connection, options: str, message: str
) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError) as caught:
        await direct.execute(f"SELECT enqueue_job('order-confirmation', '{{\"order_id\": 1}}', {options})")

    assert message in caught.value.message
    assert "start_after (an interval such as '10 minutes')" in caught.value.hint


@pytest.mark.parametrize("arguments", ["NULL, '{}'", "'order-confirmation', NULL"])
async def test_null_is_no_kind_and_no_payload(direct: asyncpg.Connection, arguments: str) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError, match="kind and payload cannot be null"):
        await direct.execute(f"SELECT enqueue_job({arguments})")


async def test_numbers_of_more_digits_than_python_reads_are_refused(direct: asyncpg.Connection) -> None:
    enqueueing = "SELECT enqueue_job('digits', jsonb_build_object('number', -repeat('9', $1)::numeric))"
    await direct.execute(
        'INSERT INTO job_kinds (kind, fields) VALUES (\'digits\', \'{"number": {"type": "integer"}}\')'
    )

    await direct.execute(enqueueing, 4300)
    with pytest.raises(asyncpg.InvalidParameterValueError, match='"number" must be'):
        await direct.execute(enqueueing, 4301)


async def test_a_pattern_that_postgresql_cannot_read_is_left_to_the_relay(direct: asyncpg.Connection) -> None:
    await direct.execute(
        'INSERT INTO job_kinds (kind, fields) VALUES (\'odd\', \'{"word": {"type": "string", "pattern": "("}}\')'
    )

    await direct.execute("SELECT enqueue_job('odd', '{\"word\": \"a\"}')")

    assert await direct.fetchval("SELECT job_id FROM outbox") is None


async def test_it_means_the_tables_beside_it_whatever_the_callers_search_path_is(make_database: DatabaseMaker) -> None:
    url = await make_database("elsewhere")
    connection = await asyncpg.connect(url)
    await connection.execute('CREATE SCHEMA "Our jobs"; SET search_path = "Our jobs"')
    await connection.execute("""ALTER DATABASE "test_db_enqueue_job_elsewhere" SET search_path = "Our jobs" """)
    await migrate.upgrade(url)
    await job_kinds.sync(url, [OrderConfirmationRequest])
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


async def test_a_plain_insert_needs_no_known_kind_for_the_relay_is_the_judge(direct: asyncpg.Connection) -> None:
    await direct.execute("INSERT INTO outbox (kind, payload) VALUES ('of-tomorrow', '{\"a\": [1]}')")

    assert await direct.fetchval("SELECT count(*) FROM outbox WHERE refused_at IS NULL") == 1


@pytest.mark.parametrize(
    ("constraint", "broken"),
    [
        ("kind_shape", {"kind": "OrderConfirmation"}),
        ("kind_shape", {"kind": "k" * 101}),
        ("payload_object", {"payload": "[]"}),
        ("payload_size", {"payload": json.dumps({"a": "x" * 70_000})}),
        ("payload_depth", {"payload": '{"a": ' + "[" * 2000 + "]" * 2000 + "}"}),
        ("payload_numbers", {"payload": json.dumps({"a": [0]}).replace("0", "9" * 4301)}),
        ("payload_numbers", {"payload": json.dumps({"a": [0]}).replace("0", "-" + "9" * 4301)}),
        ("enqueued_at_range", {"enqueued_at": datetime(1, 1, 2, tzinfo=UTC)}),
        ("enqueued_at_range", {"enqueued_at": datetime(9999, 12, 30, tzinfo=UTC)}),
        ("job_id_length", {"job_id": ""}),
        ("one_start_time", {"start_at": datetime(2026, 1, 1, tzinfo=UTC), "start_delay": timedelta(1)}),
        ("start_at_range", {"start_at": datetime(1, 1, 2, tzinfo=UTC)}),
        ("start_at_range", {"start_at": datetime(9999, 12, 30, tzinfo=UTC)}),
        ("start_delay_range", {"start_delay": timedelta(seconds=-1)}),
        ("start_delay_range", {"start_delay": timedelta(days=36_501)}),
        ("priority_range", {"priority": 0}),
        ("fairness_key_length", {"fairness_key": "é" * 33}),
    ],
)
async def test_a_plain_insert_must_fit_the_table(
    direct: asyncpg.Connection, constraint: str, broken: dict[str, object]
) -> None:
    values = {"kind": "order-confirmation", "payload": "{}", **broken}
    places = ", ".join(f"${number}" for number in range(1, len(values) + 1))

    with pytest.raises(asyncpg.CheckViolationError) as caught:
        await direct.execute(f"INSERT INTO outbox ({', '.join(values)}) VALUES ({places})", *values.values())  # noqa: S608  names of this file

    assert caught.value.constraint_name == f"ck_outbox_{constraint}"
