"""What the database is told of the kinds of job, and the patterns that it checks texts by."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import asyncpg
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import SchemaValidator, ValidationError, core_schema

from adapters.db import job_kinds
from adapters.db.patterns import translated
from domain.errors import ServiceUnavailable
from domain.order_confirmation import OrderConfirmationRequest
from domain.requests import EntityId, JobRequest
from tests.adapters.db.enqueueable import DaysRequest, NamedRequest


async def test_kinds_are_written_once_and_what_has_changed_of_them_again(
    direct: asyncpg.Connection, database_url: str
) -> None:
    class ExportRequest(JobRequest):
        order_id: EntityId

    class ImportRequest(JobRequest):
        order_id: EntityId

    class WiderExportRequest(JobRequest):
        kind = "export"

        order_id: EntityId
        copies: int = 1

    assert await job_kinds.sync(database_url, [ImportRequest, ExportRequest]) == ["export", "import"]
    assert await job_kinds.sync(database_url, [ImportRequest, ExportRequest]) == []
    assert await job_kinds.sync(database_url, [ImportRequest, WiderExportRequest]) == ["export"]
    row = await direct.fetchrow("SELECT fields, id_fields FROM job_kinds WHERE kind = 'export'")
    assert row["id_fields"] == '["order_id", "copies"]'
    await direct.fetch("SELECT enqueue_job('export', '{\"order_id\": 1, \"copies\": 2}')")
    assert await direct.fetchval("SELECT max(job_id) FROM outbox") == "export/1/2"


async def test_a_kind_that_is_not_among_them_stays(direct: asyncpg.Connection, database_url: str) -> None:
    await job_kinds.sync(database_url, [DaysRequest])
    await job_kinds.sync(database_url, [NamedRequest])
    await job_kinds.sync(database_url, [])

    kinds = await direct.fetch("SELECT kind, id_fields FROM job_kinds WHERE kind IN ('days', 'named') ORDER BY kind")
    assert [tuple(row) for row in kinds] == [("days", '["day", "this_century", "run_id"]'), ("named", None)]


async def test_several_who_write_the_kinds_at_once_all_succeed(direct: asyncpg.Connection, database_url: str) -> None:
    await direct.execute("DELETE FROM job_kinds")

    written = await asyncio.gather(
        *(job_kinds.sync(database_url, [OrderConfirmationRequest, DaysRequest]) for _ in range(4))
    )

    assert sorted(kind for kinds in written for kind in kinds) == ["days", "order-confirmation"]


async def test_a_database_that_is_away_is_told(database_url: str) -> None:
    with pytest.raises(ServiceUnavailable, match="3D000"):
        await job_kinds.sync(database_url + "_gone", [OrderConfirmationRequest])


@pytest.fixture(scope="module")
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


_SAME = [
    *(r"^[^\s/]+$", r"^\S+$", r"^(?:ab|c d)*x?$", r"^(a|b|)c$", r"^.+$", r"^[-a]+$", r"^[a-]+$", r"^[a-c_.-]+$"),
    *(r"^a b#c$", r"^\n$", r"^é+[à-ü]$", r"^[\-\]\\]+$", r"", r"^$", r"x{0}y", r"a$b", r"^[A-Z]{2}[0-9]{2,6}$"),
    *(r"^[^a\n]{3,}$", r"\$\.\*", "^\U0001f600+$", r"^[+-]?[0-9]+$", r"^_-~`$", r"^\s*$"),
]
_WIDER = [
    r"^\w+$",
    r"^[\w.-]+@[\w-]+\.[a-z]{2,}$",
    r"^[^\w]+$",
    r"\D",
    r"^\W*$",
    r"[\s\d]",
    r"[^\s\d]",
    r"^[A-Z]\d{2}$",
]
_UNKNOWN = [
    *(r"(?i)a", r"(?P<name>a)", r"\bfoo", r"\p{L}", r"[[:alpha:]]", r"[a-z&&[^b]]", r"[!--]", r"[+--a]", r"[a~~b]"),
    *(r"[]a]", r"a{256}", r"a+?", r"a{2}{3}", r"a{,3}", r"\Aa\z", r"[\S]", r"a\<b", r"\x41", r"\u{41}", "a{", "}", "]"),
    *(r"(?x) a", "***=a", "[", "\\", r"[\w-z]", "^*"),
]
_CHARACTERS = st.sampled_from(
    "ab cd/-_.@09zZxyA#\n\t\\]^$+~`*\x1c\x1f\x85\xa0\u1680\u2007\u202f\u3000\u0660\u0967éàüßÀ中😀\u200b"
)
_TEXTS = st.text(_CHARACTERS, max_size=6) | st.sampled_from(
    ["AB12", "x.y@z.de", "a b#c", "A1\u0660", "-5", "$.*", "_-~`"]
)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([*_SAME, *_WIDER]), st.lists(_TEXTS, min_size=20, max_size=20))
def test_a_pattern_lets_through_what_the_original_does(
    connection: psycopg.Connection, pattern: str, texts: list[str]
) -> None:
    original = SchemaValidator(core_schema.str_schema(pattern=pattern))
    asking = 'SELECT text COLLATE "C" ~ %s FROM unnest(%s::text[]) WITH ORDINALITY AS t(text, n) ORDER BY n'

    answers = connection.execute(asking, (translated(pattern), texts)).fetchall()

    for text, (fits,) in zip(texts, answers, strict=True):
        if pattern in _SAME:
            assert fits == _fits(original, text), (pattern, text)
        else:
            assert fits >= _fits(original, text), (pattern, text)


@pytest.mark.parametrize("pattern", _UNKNOWN)
def test_a_pattern_that_may_mean_another_thing_in_postgresql_is_not_used(pattern: str) -> None:
    assert translated(pattern) is None


def _fits(validator: SchemaValidator, text: str) -> bool:
    try:
        validator.validate_python(text)
    except ValidationError:
        return False
    return True
