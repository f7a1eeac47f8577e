"""The ledger of periods: one is done once, by one run at a time, and by another where the first is gone."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.scheduled_jobs import SqlPeriodLedger
from domain.scheduling import HELD, Begun

MONTH = "2026-10"


@pytest.fixture
def ledger(engine: AsyncEngine) -> SqlPeriodLedger:
    return SqlPeriodLedger(engine)


@pytest.fixture
def name(new_id: int) -> str:
    return f"monthly-reports-{new_id}"


async def fall_silent(direct: asyncpg.Connection, name: str) -> None:
    """The run that has a period has said nothing for so long."""
    await direct.execute(
        "UPDATE scheduled_periods SET held_until = held_until - $2::interval WHERE schedule = $1", name, HELD
    )


async def test_a_period_that_is_done_stays_done_with_its_result(ledger: SqlPeriodLedger, name: str) -> None:
    assert await ledger.begin(name, MONTH, "first") == Begun(by="first")
    await ledger.done(name, MONTH, "first", "asked 7")

    done = Begun(by="first", result="asked 7")
    assert await ledger.begin(name, MONTH, "second") == done
    assert await ledger.begin(name, MONTH, "first") == done, "so that a retry can tell what it did"
    await ledger.done(name, MONTH, "second", "asked 8")
    await ledger.let_go(name, MONTH, "first")
    assert await ledger.begin(name, MONTH, "third") == done
    assert await ledger.begin(name, "2026-11", "third") == Begun(by="third")
    assert await ledger.begin(f"{name}-in-tokyo", MONTH, "third") == Begun(by="third")


async def test_a_period_is_one_runs_until_it_lets_go(ledger: SqlPeriodLedger, name: str) -> None:
    await ledger.begin(name, MONTH, "first")

    assert await ledger.begin(name, MONTH, "second") == Begun(by="first")
    assert await ledger.begin(name, MONTH, "first") == Begun(by="first"), "the next attempt goes on"
    await ledger.let_go(name, MONTH, "second")
    assert await ledger.begin(name, MONTH, "second") == Begun(by="first")
    await ledger.let_go(name, MONTH, "first")
    assert await ledger.begin(name, MONTH, "second") == Begun(by="second")


async def test_a_run_that_was_killed_is_followed_by_another_after_some_minutes(
    ledger: SqlPeriodLedger, name: str, direct: asyncpg.Connection
) -> None:
    await ledger.begin(name, MONTH, "killed")
    await fall_silent(direct, name)
    assert await ledger.begin(name, MONTH, "second") == Begun(by="second")
    assert await ledger.begin(name, MONTH, "killed") == Begun(by="second"), "it comes back too late"
    assert await direct.fetchval("SELECT takes FROM scheduled_periods WHERE schedule = $1", name) == 2


async def test_a_run_that_says_it_is_still_at_it_keeps_its_period(
    ledger: SqlPeriodLedger, name: str, direct: asyncpg.Connection
) -> None:
    await ledger.begin(name, MONTH, "first")
    await fall_silent(direct, name)
    await ledger.begin(name, MONTH, "first")
    assert await ledger.begin(name, MONTH, "second") == Begun(by="first")


async def test_of_many_that_begin_at_once_one_has_the_period(ledger: SqlPeriodLedger, name: str) -> None:
    runs = [f"run-{number}" for number in range(8)]
    told = await asyncio.gather(*(ledger.begin(name, MONTH, run) for run in runs))
    assert len({each.by for each in told}) == 1


async def test_a_period_whose_row_was_deleted_can_be_done_again(
    ledger: SqlPeriodLedger, name: str, direct: asyncpg.Connection
) -> None:
    await ledger.begin(name, MONTH, "first")
    await ledger.done(name, MONTH, "first", "asked 7")
    await direct.execute("DELETE FROM scheduled_periods WHERE schedule = $1", name)
    assert await ledger.begin(name, MONTH, "second") == Begun(by="second")
