"""Payments in PostgreSQL: applied once, in the order in which the provider was in those states."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.payment_callback import PaymentCallbackActivities
from adapters.db.engine import make_engine
from adapters.db.orders import SqlOrders
from adapters.db.payments import SqlPayments
from adapters.db.reconciliations import FIRST, OVERLAP, SqlReconciliations
from adapters.db.tables import orders, outbox
from adapters.settings import DatabaseSettings
from domain.errors import Conflict
from domain.payment_callback import PaymentCallbackRequest
from domain.payments import NEXT, Payment, PaymentState, VersionChanged
from tests.adapters.db.conftest import EngineMaker
from tests.fakes import an_order
from tests.fakes_payments import FakeProvider, a_payment

S = PaymentState


@pytest.fixture
async def engine(engine_to: EngineMaker, database: str) -> AsyncEngine:
    engine = engine_to(database)
    await SqlOrders(engine).add_all([an_order()])
    return engine


@pytest.fixture
def payments(engine: AsyncEngine) -> SqlPayments:
    return SqlPayments(engine)


async def enqueued(engine: AsyncEngine) -> list[str]:
    async with engine.connect() as connection:
        return list((await connection.execute(select(outbox.c.job_id).order_by(outbox.c.id))).scalars())


async def paid_at(engine: AsyncEngine) -> datetime | None:
    async with engine.connect() as connection:
        moment: datetime | None = (await connection.execute(select(orders.c.paid_at))).scalar_one()
        return moment


async def test_a_captured_payment_pays_its_order_and_enqueues_the_confirmation_once(
    engine: AsyncEngine, payments: SqlPayments
) -> None:
    first = await payments.apply(a_payment(), version=0)
    paid = await paid_at(engine)
    second = await payments.apply(a_payment(), version=1)

    assert (first.changed, second.changed) == (True, False)
    assert paid is not None
    assert await paid_at(engine) == paid
    assert await enqueued(engine) == ["order-confirmation/1042"]


async def test_a_declined_and_each_refunded_payment_enqueue_their_mails_once(
    engine: AsyncEngine, payments: SqlPayments
) -> None:
    states = [(S.declined, 0), (S.declined, 0), (S.captured, 0), (S.partially_refunded, 50), (S.partially_refunded, 99)]
    for version, (state, refunded) in enumerate(states):
        await payments.apply(a_payment(state, refunded=refunded), version=version)

    assert await enqueued(engine) == [
        "payment-notice/pi_1/declined/0/1",
        "order-confirmation/1042",
        "payment-notice/pi_1/partially-refunded/50/4",
        "payment-notice/pi_1/partially-refunded/99/5",
    ]


async def test_of_two_who_fetched_at_the_same_time_the_second_has_to_fetch_again(payments: SqlPayments) -> None:
    await payments.apply(a_payment(S.pending), version=0)
    # One finds what we know; the other has an older answer, of a card that was declined before.
    await payments.apply(a_payment(S.pending), version=1)
    with pytest.raises(VersionChanged):
        await payments.apply(a_payment(S.declined), version=1)
    assert (await payments.known("pi_1")).state is S.pending


@pytest.mark.parametrize(
    ("payment", "why"),
    [
        (a_payment(order_id=None), "does not say which order"),
        (a_payment(order_id=7), "there is no order 7"),
        (a_payment().model_copy(update={"amount": 1249}), "1249 GBP, order 1042 over 1250 GBP"),
        (a_payment().model_copy(update={"currency": "EUR"}), "1250 EUR, order 1042 over 1250 GBP"),
        (a_payment(S.refunded, refunded=1251), "1251 of its 1250"),
    ],
    ids=["no order", "unknown order", "other amount", "other currency", "too much back"],
)
async def test_a_payment_that_does_not_fit_its_order_is_never_applied(
    engine: AsyncEngine, payments: SqlPayments, payment: Payment, why: str
) -> None:
    with pytest.raises(Conflict, match=why):
        await payments.apply(payment, version=0)

    assert (await payments.known("pi_1")).version == 0
    assert (await enqueued(engine), await paid_at(engine)) == ([], None)


async def test_a_state_that_cannot_follow_is_never_applied(payments: SqlPayments) -> None:
    await payments.apply(a_payment(S.captured), version=0)
    with pytest.raises(Conflict, match="says pending, which cannot follow captured"):
        await payments.apply(a_payment(S.pending), version=1)
    assert (await payments.known("pi_1")).state is S.captured


class Provider(FakeProvider):
    """A provider whose payment goes on while it is fetched; answers take their time."""

    def __init__(self, order_id: int, way: list[tuple[PaymentState, int]], draw: random.Random) -> None:
        super().__init__()
        self.order_id, self.way, self.draw, self.at = order_id, way, draw, 0

    async def get(self, payment_id: str) -> Payment:
        state, refunded = self.way[self.at]
        answer = a_payment(state, order_id=self.order_id, refunded=refunded).model_copy(update={"id": payment_id})
        for _ in range(self.draw.randrange(6)):
            await asyncio.sleep(0)
        await asyncio.sleep(self.draw.choice([0, 0, 0.002]))
        return answer


@st.composite
def ways(draw: st.DrawFn) -> list[tuple[PaymentState, int]]:
    way = [(S.pending, 0)]
    for _ in range(draw(st.integers(0, 5))):
        after = NEXT[way[-1][0]]
        if not after:
            break
        state = draw(st.sampled_from(sorted(after)))
        back = {S.refunded: 1250, S.partially_refunded: draw(st.integers(1, 1249))}.get(state, 0)
        way.append((state, back))
    return way


_ids = iter(range(1, 10**6))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(way=ways(), seed=st.integers(0, 2**32), repeats=st.lists(st.integers(0, 5), max_size=4))
def test_events_shuffled_and_repeated_end_in_the_providers_state(
    database: str, way: list[tuple[PaymentState, int]], seed: int, repeats: list[int]
) -> None:
    async def play() -> None:
        draw = random.Random(seed)  # noqa: S311  # no secret
        engine = make_engine(DatabaseSettings(url=SecretStr(database)))
        try:
            number = next(_ids)
            order = an_order(number)
            customer = order.customer.model_copy(update={"id": number})
            await SqlOrders(engine).add_all([order.model_copy(update={"customer": customer})])
            provider, payment_id = Provider(number, way, draw), f"pi_{number}"
            steps = PaymentCallbackActivities(provider, SqlPayments(engine))

            async def callback(event: int) -> None:
                request = PaymentCallbackRequest(event_id=f"evt_{event}", payment_id=payment_id)
                await steps.apply(request)

            running = []
            for at in range(len(way)):
                provider.at = at
                running.append(asyncio.create_task(callback(at)))
                if draw.random() < 0.5:
                    await asyncio.sleep(draw.choice([0, 0.001]))
            late = [callback(event % len(way)) for event in repeats]
            await asyncio.gather(*running, *late)
            known = await SqlPayments(engine).known(payment_id)
            assert (known.state, known.refunded) == way[-1]
        finally:
            await engine.dispose()

    asyncio.run(play())


async def test_one_reconciles_at_a_time_and_the_next_begins_where_it_ended(engine: AsyncEngine) -> None:
    reconciliations, now = SqlReconciliations(engine), datetime.now(UTC)
    with pytest.raises(ConnectionError):
        async with reconciliations.alone(now):
            raise ConnectionError
    async with reconciliations.alone(now) as first:
        assert first is not None
        assert first.since == now - FIRST - OVERLAP
        async with reconciliations.alone(now) as second:
            assert second is None
        await first.reached(now)
        await first.reached(now - timedelta(hours=1))  # never back
    async with reconciliations.alone(now + timedelta(hours=1)) as third:
        assert third is not None
        assert third.since == now - OVERLAP
