"""The delivery ledger: one key, one accepted delivery."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.deliveries import SqlDeliveryLedger
from adapters.db.tables import ANSWER_LIMIT


@pytest.fixture
def ledger(engine: AsyncEngine) -> SqlDeliveryLedger:
    return SqlDeliveryLedger(engine)


@pytest.fixture
def key(new_id: int) -> str:
    return f"order-confirmation/{new_id}"


async def _row(direct: asyncpg.Connection, key: str) -> asyncpg.Record:
    return await direct.fetchrow("SELECT * FROM deliveries WHERE key = $1", key)


async def test_a_claim_without_an_answer_is_taken_over(
    ledger: SqlDeliveryLedger, key: str, direct: asyncpg.Connection
) -> None:
    assert await ledger.claim(key) is True
    first = await _row(direct, key)
    assert (first["claims"], first["delivered_at"], first["answer"]) == (1, None, None)
    assert await ledger.claim(key) is True
    second = await _row(direct, key)
    assert second["claims"] == 2
    assert second["claimed_at"] > first["claimed_at"]


async def test_an_accepted_delivery_is_not_sent_again_and_keeps_its_first_answer(
    ledger: SqlDeliveryLedger, key: str, direct: asyncpg.Connection
) -> None:
    await ledger.claim(key)
    await ledger.record(key, "250 2.0.0 queued")
    recorded = await _row(direct, key)
    assert recorded["answer"] == "250 2.0.0 queued"
    await ledger.record(key, "250 second")
    assert await ledger.claim(key) is False
    assert await _row(direct, key) == recorded


async def test_twenty_claims_of_one_key_are_counted_and_make_one_row(
    ledger: SqlDeliveryLedger, key: str, direct: asyncpg.Connection
) -> None:
    assert all(await asyncio.gather(*(ledger.claim(key) for _ in range(20))))
    assert (await _row(direct, key))["claims"] == 20


async def test_of_twenty_answers_at_once_one_is_kept_and_no_claim_follows(
    ledger: SqlDeliveryLedger, key: str, direct: asyncpg.Connection
) -> None:
    await ledger.claim(key)
    await asyncio.gather(*(ledger.record(key, f"250 {n}") for n in range(20)))
    assert (await _row(direct, key))["answer"].startswith("250 ")
    assert not any(await asyncio.gather(*(ledger.claim(key) for _ in range(20))))


@pytest.mark.parametrize("answer", ["x" * 5000, "250 \0 nul", "250 \udc80 half", "", "250 ünï周"])
async def test_an_answer_is_kept_however_odd_it_is_and_even_if_the_claim_was_forgotten(
    ledger: SqlDeliveryLedger, key: str, answer: str, direct: asyncpg.Connection
) -> None:
    await ledger.record(key, answer)
    assert await ledger.claim(key) is False
    assert len((await _row(direct, key))["answer"]) <= ANSWER_LIMIT
