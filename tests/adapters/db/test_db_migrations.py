"""New databases, and migrations of older ones."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from adapters.db import migrate
from adapters.db.schema import VERSION_TABLE
from domain.errors import Conflict, ServiceUnavailable

DatabaseMaker = Callable[[str], Awaitable[str]]

_CATALOG = f"""
SELECT 'column', table_name, column_name, data_type, is_nullable, column_default, identity_generation
  FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '{VERSION_TABLE}'
UNION ALL
SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), NULL, NULL, NULL
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> '{VERSION_TABLE}'
UNION ALL
SELECT 'index', tablename, indexname, indexdef, NULL, NULL, NULL
  FROM pg_indexes WHERE schemaname = 'public' AND tablename <> '{VERSION_TABLE}'
UNION ALL
SELECT 'function', proname, pg_get_functiondef(oid), NULL, NULL, NULL, NULL
  FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL
SELECT 'trigger', tgrelid::regclass::text, pg_get_triggerdef(oid), NULL, NULL, NULL, NULL
  FROM pg_trigger WHERE NOT tgisinternal
"""  # noqa: S608  our own table's name


async def _catalog(url: str) -> set[tuple[str, ...]]:
    return {tuple(row) for row in await _fetch(url, _CATALOG)}


async def _fetch(url: str, sql: str) -> Sequence[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(sql))
    finally:
        await connection.close()


@pytest.fixture
async def first_release(make_database: DatabaseMaker) -> str:
    """A database at revision 0010."""
    url = await make_database("first_release")
    connection = await asyncpg.connect(url)
    await connection.execute(Path(__file__).with_name("schema_0010.sql").read_text())
    await connection.close()
    return url


async def test_a_new_database_gets_the_schema_once_beside_the_applications_own(make_database: DatabaseMaker) -> None:
    url = await make_database("new")
    # Of the application's own migrations.
    await _fetch(url, "CREATE TABLE alembic_version AS SELECT 'of-the-shop' AS version_num")
    assert await migrate.current(url) is None
    await asyncio.gather(*(migrate.upgrade(url) for _ in range(3)))
    assert await migrate.current(url) == migrate.head()
    await _fetch(url, "INSERT INTO customers (name, locale) VALUES ('Ada', 'en')")
    await migrate.upgrade(url)
    assert len(await _fetch(url, "SELECT FROM customers")) == 1
    assert [row[0] for row in await _fetch(url, "SELECT version_num FROM alembic_version")] == ["of-the-shop"]


async def test_a_database_of_the_first_release_keeps_its_rows_and_gets_the_schema_of_a_new_one(
    first_release: str, database_url: str
) -> None:
    await _fetch(first_release, "INSERT INTO customers (name, locale) VALUES ('Ada', 'en')")
    await migrate.upgrade(first_release)
    assert await migrate.current(first_release) == migrate.head()
    assert len(await _fetch(first_release, "SELECT FROM customers")) == 1
    catalog = await _catalog(database_url)
    assert await _catalog(first_release) == catalog
    assert {"column", "constraint", "index", "function", "trigger"} == {kind for kind, *_ in catalog}


def test_alembics_command_line_works_on_database_url(database_url: str) -> None:
    command = [sys.executable, "-m", "alembic", "-c", "adapters/db/alembic.ini", "check"]
    ran = subprocess.run(command, env={**os.environ, "DATABASE_URL": database_url}, capture_output=True, text=True)
    assert (ran.returncode, "No new upgrade operations detected" in ran.stdout) == (0, True), ran.stderr


async def test_every_constraint_has_a_name_that_tells_its_table(database_url: str) -> None:
    names = {(table, name) for kind, table, name, *_ in await _catalog(database_url) if kind == "constraint"}
    # PostgreSQL 18 lists NOT NULL as a constraint, and names it itself.
    assert {(table, name) for table, name in names if table not in name} == set()


async def test_a_database_that_newer_code_migrated_is_left_alone(make_database: DatabaseMaker) -> None:
    url = await make_database("newer")
    await migrate.upgrade(url)
    await _fetch(url, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")  # noqa: S608  our own table's name
    with pytest.raises(Conflict, match="revision 9999: newer code has changed it"):
        await migrate.upgrade(url)
    assert await migrate.current(url) == "9999"


async def test_a_migration_gives_up_on_a_locked_table_and_leaves_nothing_behind(first_release: str) -> None:
    connection = await asyncpg.connect(first_release)
    async with connection.transaction():
        await connection.execute("LOCK TABLE dead_letters IN ACCESS SHARE MODE")
        with pytest.raises(ServiceUnavailable, match="55P03"):
            await migrate.upgrade(first_release, table_wait=timedelta(milliseconds=50))
    await connection.close()
    assert await migrate.current(first_release) == "0010"


async def test_migrating_a_database_that_is_not_there_says_so(make_database: DatabaseMaker) -> None:
    url = (await make_database("there")).replace("there", "gone")
    with pytest.raises(ServiceUnavailable, match="3D000"):
        await migrate.upgrade(url)
