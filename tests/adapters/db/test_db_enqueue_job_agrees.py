"""`enqueue_job` and pydantic agree about what fits a kind, whatever the payload, for all types that fields may have.

The database refuses nothing that pydantic takes. What it takes, pydantic takes too, but for the few exceptions that are
named here. And the id that it gives the job is the one that Python gives it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.db import job_kinds
from domain.requests import JobRequest
from tests.adapters.db.enqueueable import (
    CHECKED_BY_BOTH,
    CHECKED_IN_PART,
    DaysRequest,
    EvenRequest,
    MixedRequest,
    TimesRequest,
)
from tests.adapters.db.payloads import payloads


@pytest.fixture(scope="module")
async def database(database_url: str) -> str:
    """One that knows these kinds."""
    await job_kinds.sync(database_url, [*CHECKED_BY_BOTH, *CHECKED_IN_PART])
    return database_url


@pytest.fixture(scope="module")
def connection(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database) as connection:
        yield connection


class Answer:
    """What the database says of a payload, and what pydantic does of what is in the database then."""

    def __init__(self, connection: psycopg.Connection, request: type[JobRequest], payload: dict[str, Any]) -> None:
        text = json.dumps(payload)
        try:
            entry = connection.execute("SELECT enqueue_job(%s, %s)", (request.kind, text)).fetchone()
            assert entry is not None
            row = connection.execute("SELECT job_id FROM outbox WHERE id = %s", entry).fetchone()
            assert row is not None
            self.refusal, self.job_id = "", row[0]
        except psycopg.errors.InvalidParameterValue as exc:
            self.refusal, self.job_id = str(exc), None
        finally:
            connection.rollback()
        stored = connection.execute("SELECT %s::jsonb::text", (text,)).fetchone()
        assert stored is not None
        self.request: JobRequest | None = None
        try:
            self.request = request.model_validate_json(stored[0], strict=True)
        except ValidationError as exc:
            self.problem = str(exc)


def _is_time_as_number(request: type[JobRequest], payload: dict[str, Any]) -> bool:
    """Seconds since 1970, as a text: pydantic takes only some of those for a date, and none that are far away."""
    return any(
        request.model_fields[name].annotation in (date, date | None, datetime, datetime | None)
        and re.fullmatch(r"[-+]?[0-9.]+([eE][-+]?[0-9]+)?", str(value))
        for name, value in payload.items()
        if name in request.model_fields
    )


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(CHECKED_BY_BOTH).flatmap(lambda request: st.tuples(st.just(request), payloads(request))),
)
@example((DaysRequest, {"day": "2026-01-31", "run_id": "urn:uuid:123E4567-e89b-42d3-a456-426614174000"}))
@example((DaysRequest, {"day": "2026-01-31", "run_id": "{123E4567-e89b-42d3-a456-426614174000}"}))
@example((DaysRequest, {"day": "2026-01-31", "this_century": "1999-12-31"}))
@example((DaysRequest, {"day": "2026-01-31", "this_century": "2100-01-01"}))
def test_what_the_database_takes_and_refuses_is_what_pydantic_takes_and_refuses(
    connection: psycopg.Connection, case: tuple[type[JobRequest], dict[str, Any]]
) -> None:
    request, payload = case

    answer = Answer(connection, request, payload)

    if answer.refusal:
        # An id that is longer is one that Temporal does not take.
        assert answer.request is None or len(answer.request.workflow_id) > 1000, answer.refusal
    elif answer.request is None:
        assert _is_time_as_number(request, payload), answer.problem
    elif request is TimesRequest or answer.job_id is None:
        # Only Python can tell how Python writes a time.
        assert answer.job_id is None
        assert request is TimesRequest or _is_time_as_number(request, payload)
    else:
        assert answer.job_id == answer.request.workflow_id


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(CHECKED_IN_PART).flatmap(lambda request: st.tuples(st.just(request), payloads(request))),
)
@example((EvenRequest, {"even": 3}))
@example((MixedRequest, {"mixed": 1}))
@example((MixedRequest, {"mixed": True}))
def test_where_a_request_has_rules_of_its_own_the_database_refuses_nothing_that_they_take(
    connection: psycopg.Connection, case: tuple[type[JobRequest], dict[str, Any]]
) -> None:
    answer = Answer(connection, *case)

    assert not answer.refusal or answer.request is None, answer.refusal
    if answer.request and answer.job_id:
        assert answer.job_id == answer.request.workflow_id
