"""Payment events in PostgreSQL: each is kept once, together with its job, however many come in at the same time."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter

import pytest
from pydantic import ValidationError
from sqlalchemy import event, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.payment_events import PaymentEvents, Reception
from adapters.db.tables import outbox, payment_events
from domain.errors import InvalidRequest, TransientError
from tests.adapters.db.conftest import EngineMaker
from tests.locks import WAITING_FOR_LOCKS

NEW, REPEATED, DIFFERENT = Reception.new, Reception.repeated, Reception.different


@pytest.fixture
def engine(engine_to: EngineMaker, database: str) -> AsyncEngine:
    return engine_to(database)


@pytest.fixture
def events(engine: AsyncEngine) -> PaymentEvents:
    return PaymentEvents(engine)


def of(said: str) -> bytes:
    return hashlib.sha256(said.encode()).digest()


async def kept(engine: AsyncEngine) -> tuple[list[str], list[str]]:
    """Ids of the events, and of the jobs in the outbox."""
    async with engine.connect() as connection:
        ids = (await connection.execute(select(payment_events.c.id).order_by(payment_events.c.id))).scalars()
        jobs = (await connection.execute(select(outbox.c.job_id).order_by(outbox.c.job_id))).scalars()
        return list(ids), list(jobs)


async def test_events_that_come_in_together_are_told_apart(engine: AsyncEngine, events: PaymentEvents) -> None:
    await events.receive("known", "payment.captured", "pi_1", of("a"))
    many = await asyncio.gather(*(events.receive("many", "payment.captured", "pi_9", of("a")) for _ in range(50)))
    assert Counter(many) == {NEW: 1, REPEATED: 49}
    statements: list[str] = []
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    receptions = await asyncio.gather(
        events.receive("new", "payment.captured", "pi_2", of("a")),
        events.receive("new", "payment.captured", "pi_2", of("a")),
        events.receive("new", "payment.captured", "pi_3", of("b")),
        events.receive("known", "payment.captured", "pi_1", of("a")),
        events.receive("known", "payment.captured", "pi_1", of("b")),
        events.receive("other", "customer.created", None, of("a")),
    )

    assert tuple(receptions) == (NEW, REPEATED, DIFFERENT, REPEATED, DIFFERENT, NEW)
    assert await kept(engine) == (
        ["known", "many", "new", "other"],
        ["payment-callback/known", "payment-callback/many", "payment-callback/new"],
    )
    assert sum(statement.startswith("WITH") for statement in statements) == 1


_SLOWLY = (
    "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.005); RETURN NEW; END'",
    "CREATE TRIGGER slowly BEFORE INSERT ON payment_events FOR EACH ROW EXECUTE FUNCTION slowly()",
)


async def test_of_processes_that_get_the_same_events_in_any_order_each_event_is_new_to_one(
    engine: AsyncEngine,
) -> None:
    async with engine.begin() as connection:
        for statement in _SLOWLY:  # so that they write at the same time
            await connection.execute(text(statement))
    ids = [f"evt_{n}" for n in range(30)]
    orders = (ids, ids[::-1], ids[15:] + ids[:15])
    processes = [(PaymentEvents(engine), order) for order in orders]
    receptions = await asyncio.gather(
        *(
            process.receive(event_id, "payment.captured", "pi_1", of(event_id))
            for process, order in processes
            for event_id in order
        )
    )

    assert Counter(receptions) == {NEW: 30, REPEATED: 60}
    assert await kept(engine) == (sorted(ids), sorted(f"payment-callback/{each}" for each in ids))


async def test_an_event_that_cannot_be_kept_does_no_harm_to_those_beside_it(
    engine: AsyncEngine, events: PaymentEvents
) -> None:
    receptions = await asyncio.gather(
        events.receive("a", "payment.captured", "pi_1", of("a")),
        events.receive("b", "x" * 256, "pi_1", of("b")),
        events.receive("c/d", "payment.captured", "pi_1", of("c")),
        events.receive("e", "payment.captured", "pi_1", of("e")),
        return_exceptions=True,
    )

    assert (receptions[0], receptions[3]) == (NEW, NEW)
    assert isinstance(receptions[1], InvalidRequest)
    assert isinstance(receptions[2], ValidationError)
    assert await kept(engine) == (["a", "e"], ["payment-callback/a", "payment-callback/e"])


async def test_who_gives_up_waiting_keeps_nobody_else_from_being_answered(
    engine: AsyncEngine, events: PaymentEvents
) -> None:
    async with engine.begin() as other:
        await other.execute(text("LOCK TABLE payment_events"))
        first = asyncio.create_task(events.receive("a", "payment.captured", "pi_1", of("a")))
        async with engine.connect() as looking:
            while not (await looking.execute(text(WAITING_FOR_LOCKS))).scalar_one():
                await looking.rollback()
        waiting = [
            asyncio.create_task(events.receive(event_id, "payment.captured", "pi_1", of("a")))
            for event_id in ("b", "c")
        ]
        await asyncio.sleep(0)
        for task in (first, waiting[0]):
            task.cancel()

    assert await waiting[1] is NEW
    # The first was with PostgreSQL already; the second was not.
    assert await events.receive("a", "payment.captured", "pi_1", of("a")) is REPEATED
    assert (await kept(engine))[0] == ["a", "c"]


async def test_while_postgresql_is_away_all_are_told_so_and_later_ones_are_kept(
    engine: AsyncEngine, events: PaymentEvents
) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE payment_events RENAME TO elsewhere"))
    away = await asyncio.gather(
        *(events.receive(f"evt_{n}", "payment.captured", "pi_1", of("a")) for n in range(3)), return_exceptions=True
    )
    assert all(isinstance(each, TransientError) for each in away)
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE elsewhere RENAME TO payment_events"))

    assert await events.receive("evt_1", "payment.captured", "pi_1", of("a")) is NEW
