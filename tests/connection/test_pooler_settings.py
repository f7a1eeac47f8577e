"""Behind a pooler of transactions nothing is kept on a connection, and what needs one goes around it."""

from __future__ import annotations

import asyncpg
import pytest
from pydantic import SecretStr, ValidationError
from sqlalchemy import text

from adapters.configuration import problems
from adapters.db.engine import make_engine
from adapters.db.statements import Statements
from adapters.job_settings import DatabaseSettings, Pooler
from domain.errors import TransientError

_LEFT = text("SELECT count(*) FROM pg_prepared_statements")


def test_a_pooler_of_transactions_needs_a_way_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_POOLER", "transaction")

    with pytest.raises(ValidationError) as refused:
        DatabaseSettings()
    assert problems(refused.value) == [
        "DATABASE_LISTEN_URL: Value error, must lead straight to the server where DATABASE_POOLER is transaction"
    ]
    monkeypatch.setenv("DATABASE_LISTEN_URL", "postgresql://direct/shop")
    directly = DatabaseSettings().directly
    assert (directly.url.get_secret_value(), directly.pooler) == ("postgresql://direct/shop", Pooler.none)


def test_without_a_pooler_the_way_is_the_same() -> None:
    settings = DatabaseSettings(listen_url=SecretStr("postgresql://elsewhere/shop"))

    assert settings.directly is settings


@pytest.mark.parametrize("pooler", list(Pooler))
async def test_statements_leave_nothing_prepared_and_are_whole_transactions(database: str, pooler: Pooler) -> None:
    url = SecretStr(database)
    engine = make_engine(DatabaseSettings(url=url, listen_url=url, pooler=pooler, connections=1))
    statements = Statements(engine)
    connection = await asyncpg.connect(database)
    try:
        with pytest.raises(TransientError) as refused:
            await statements.rows(text("SAVEPOINT within"))
        async with engine.connect() as read:
            for _ in range(3):
                await read.execute(text("SELECT CAST(:number AS int)"), {"number": 1})
        (left,) = await statements.rows(_LEFT)
        inserted = "INSERT INTO probed (a) VALUES (:a) RETURNING a"
        await connection.execute("CREATE TABLE probed (a int)")
        await statements.rows(text(inserted), a=7)
        kept = await connection.fetchval("SELECT sum(a) FROM probed")
    finally:
        await connection.close()
        await engine.dispose()

    assert kept == 7
    assert left[0] == 0 or pooler is Pooler.none
    assert ("25P01" in refused.value.message) == (pooler is Pooler.none)  # no transaction around the statement
