"""Migrations forward, back and side by side, and whether they make what tables.py says."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db import migrate, tables
from adapters.db.schema import VERSION_TABLE
from domain.errors import Conflict, ServiceUnavailable

DatabaseMaker = Callable[[str], Awaitable[str]]
EngineMaker = Callable[..., AsyncEngine]

_CATALOG = f"""
SELECT 'column', table_name, column_name, data_type, is_nullable, column_default, identity_generation
  FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '{VERSION_TABLE}'
UNION ALL
SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), NULL, NULL, NULL
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> '{VERSION_TABLE}'
UNION ALL
SELECT 'index', tablename, indexname, indexdef, NULL, NULL, NULL
  FROM pg_indexes WHERE schemaname = 'public' AND tablename <> '{VERSION_TABLE}'
"""  # noqa: S608  our own table's name


async def _catalog(url: str) -> set[tuple[str, ...]]:
    return {tuple(row) for row in await _fetch(url, _CATALOG)}


async def _fetch(url: str, sql: str) -> Sequence[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(sql))
    finally:
        await connection.close()


async def test_migrations_go_forward_by_several_at_once_and_back_and_forward_again(
    make_database: DatabaseMaker,
) -> None:
    url = await make_database("there_and_back")
    # Of the application's own migrations.
    await _fetch(url, "CREATE TABLE alembic_version AS SELECT 'of-the-shop' AS version_num")
    assert await migrate.current(url) is None
    await asyncio.gather(*(migrate.upgrade(url) for _ in range(3)))
    assert await migrate.current(url) == migrate.head()
    first = await _catalog(url)
    await _fetch(url, "INSERT INTO customers (name, locale) VALUES ('Ada', 'en')")
    await migrate.upgrade(url)
    assert len(await _fetch(url, "SELECT FROM customers")) == 1
    await migrate.downgrade(url, "base")
    assert await migrate.current(url) is None
    assert {table for _, table, *_ in await _catalog(url)} == {"alembic_version"}
    await migrate.upgrade(url)
    assert await _catalog(url) == first
    assert [row[0] for row in await _fetch(url, "SELECT version_num FROM alembic_version")] == ["of-the-shop"]


async def test_the_migrated_schema_is_the_one_of_the_tables(
    make_database: DatabaseMaker, database_url: str, engine_to: EngineMaker
) -> None:
    created = await make_database("created")
    async with engine_to(created).begin() as connection:
        await connection.run_sync(tables.metadata.create_all)
    catalog = await _catalog(created)
    assert await _catalog(database_url) == catalog
    assert {"column", "constraint", "index"} == {kind for kind, *_ in catalog}


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


async def test_a_migration_gives_up_on_a_locked_table_and_leaves_nothing_behind(database_url: str) -> None:
    url = database_url
    connection = await asyncpg.connect(url)
    async with connection.transaction():
        await connection.execute("LOCK TABLE order_items IN ACCESS SHARE MODE")
        with pytest.raises(ServiceUnavailable, match="55P03"):
            await migrate.downgrade(url, "base", table_wait=timedelta(milliseconds=50))
    await connection.close()
    assert await migrate.current(url) == migrate.head()


async def test_migrating_a_database_that_is_not_there_says_so(make_database: DatabaseMaker) -> None:
    url = (await make_database("there")).replace("there", "gone")
    with pytest.raises(ServiceUnavailable, match="3D000"):
        await migrate.upgrade(url)
