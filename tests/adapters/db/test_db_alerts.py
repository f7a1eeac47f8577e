"""Alerts in PostgreSQL: each key once, those about the same gathered by one job, and none that no job gathers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db import alerts as table
from adapters.db.alerts import SqlAlerts
from domain.alerts import Alert, AlertKind, Gathered
from domain.errors import ServiceUnavailable
from tests.fakes_alerts import an_alert
from tests.locks import WAITING_FOR_LOCKS

KIND = AlertKind.payment_event_reused.value
WINDOW = timedelta(seconds=60)


Fetch = Callable[..., Awaitable[list[Any]]]


@pytest.fixture
def alerts(engine: AsyncEngine) -> SqlAlerts:
    return SqlAlerts(engine, window=WINDOW)


@pytest.fixture
async def fetch(direct: asyncpg.Connection) -> Fetch:
    """Runs a statement beside the code under test, on a table that was emptied."""
    await direct.execute("TRUNCATE alerts, outbox")

    async def fetch(statement: str, *values: object) -> list[Any]:
        return [tuple(row) for row in await direct.fetch(statement, *values)]

    return fetch


async def jobs(fetch: Fetch) -> list[int]:
    """By the alert that enqueued each."""
    rows = await fetch("SELECT (payload->>'first')::bigint FROM outbox WHERE kind = 'alert' ORDER BY id")
    return [first for (first,) in rows]


async def gathered(alerts: SqlAlerts, first: int) -> Gathered:
    found = await alerts.gather(KIND, first)
    assert found is not None
    return found


async def test_a_key_is_alerted_once_permanently(alerts: SqlAlerts, fetch: Fetch) -> None:
    # Ids from elsewhere are kept as they are.
    odd = Alert(kind=AlertKind.payment_event_reused, key="evt'\x1b[2J{}%s🫖/é", job_id="a/'b\"", run_id="r")
    assert await alerts.add(odd)
    assert not await alerts.add(odd.model_copy(update={"about": "something else"}))
    [first] = await jobs(fetch)
    found = await gathered(alerts, first)
    assert (found.count, found.examples) == (1, (odd,))
    await alerts.told(first)

    assert not await alerts.add(odd)
    assert await jobs(fetch) == [first]
    assert await fetch("SELECT count(*) FROM alerts WHERE told_at IS NOT NULL") == [(1,)]


async def test_alerts_about_the_same_are_gathered_by_one_job_after_the_window_and_later_ones_by_another(
    alerts: SqlAlerts, fetch: Fetch
) -> None:
    for number in range(7):
        await alerts.add(an_alert(f"evt_{number}/a"))
    await alerts.add(an_alert("evt_x/a", about="others"))

    first, of_others = await jobs(fetch)
    assert await fetch("SELECT DISTINCT start_delay, job_id LIKE 'alert/%' FROM outbox") == [(WINDOW, True)]
    found = await gathered(alerts, first)
    assert (found.kind, found.about, found.count) == (KIND, "", 7)
    assert found.examples == tuple(an_alert(f"evt_{number}/a") for number in range(5))
    assert found.began_at is not None
    assert found.ended_at is not None
    assert found.began_at < found.ended_at
    assert (await gathered(alerts, of_others)).count == 1

    await alerts.add(an_alert("evt_later/a"))
    _, _, later = await jobs(fetch)
    assert await gathered(alerts, first) == found, "the alerts of a message do not change"
    assert (await gathered(alerts, later)).examples == (an_alert("evt_later/a"),)
    # Alerts that are raised at the same moment may both lead: the second job finds nothing.
    await fetch("UPDATE alerts SET told_with = NULL, leads = true")
    assert (await gathered(alerts, later)).count == 8
    assert (await gathered(alerts, first)).count == 0
    assert await alerts.gather(KIND, later + 1000) is None
    assert await alerts.gather("dead-letter", first) is None


async def test_an_alert_is_gathered_with_others_if_it_is_raised_while_their_job_gathers_or_that_never_came(
    alerts: SqlAlerts, engine: AsyncEngine, fetch: Fetch
) -> None:
    await alerts.add(an_alert("evt_1/a"))
    [first] = await jobs(fetch)

    async with engine.connect() as connection:
        assert await table.add(connection, an_alert("evt_0/a"), window=WINDOW)
        await connection.rollback()  # never raised
        await table.add(connection, an_alert("evt_2/a"), window=WINDOW)
        gathering = asyncio.create_task(gathered(alerts, first))
        async with asyncio.timeout(30):
            while not gathering.done() and await fetch(WAITING_FOR_LOCKS) != [(1,)]:  # noqa: ASYNC110  # PostgreSQL tells nobody
                await asyncio.sleep(0.01)
        await connection.commit()

    assert (await gathering).count == 2
    assert await jobs(fetch) == [first]
    # The job never came: its entry in the outbox was discarded, say, or it failed before it could gather.
    await fetch("UPDATE alerts SET raised_at = now() - interval '1 hour', told_with = NULL")
    await alerts.add(an_alert("evt_3/a"))
    _, second = await jobs(fetch)
    assert (await gathered(alerts, second)).count == 3


async def test_however_they_are_raised_and_gathered_at_once_each_is_gathered_exactly_once(
    alerts: SqlAlerts, fetch: Fetch
) -> None:
    messages: dict[int, Gathered] = {}

    async def raise_some(raiser: int) -> None:
        for number in range(10):
            await alerts.add(an_alert(f"evt_{raiser}_{number}/a", about=str(number % 2)))
            await alerts.add(an_alert(f"evt_of_all_{number}/a"))

    async def gather_all() -> None:
        for first in await jobs(fetch):
            if first not in messages and (found := await gathered(alerts, first)).count:
                messages[first] = found

    raising = asyncio.gather(*(raise_some(raiser) for raiser in range(6)))
    while not raising.done():
        await gather_all()
    await raising
    await gather_all()

    assert await fetch("SELECT count(*), count(told_with) FROM alerts") == [(70, 70)]
    assert sum(found.count for found in messages.values()) == 70
    assert {first for (first,) in await fetch("SELECT DISTINCT told_with FROM alerts")} == messages.keys()


async def test_an_alert_of_newer_code_waits_for_it(alerts: SqlAlerts, fetch: Fetch) -> None:
    [(newer,)] = await fetch(
        "INSERT INTO alerts (kind, key, about, leads) VALUES ('of-newer-code', '1', '', true) RETURNING id"
    )

    with pytest.raises(ServiceUnavailable, match="'of-newer-code': deploy the code"):
        await alerts.gather("of-newer-code", newer)

    assert await fetch("SELECT told_with FROM alerts") == [(None,)]
