"""What goes wrong with one entry, or for a while, neither stops the others nor has to be repaired by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr, model_validator
from sqlalchemy import func, insert
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client, Interceptor, OutboundInterceptor, StartWorkflowInput, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from adapters.db.outbox_relay import SqlOutbox
from adapters.db.tables import outbox as table
from adapters.settings import DatabaseSettings
from domain.order_confirmation import OrderConfirmationRequest
from starter.relay import Relay
from tests.outbox.conftest import Relaying
from tests.outbox.shop import Shop, one_each, runs
from tests.outbox.test_relay import entries, has_error, put
from workflows.registry import Kind, Registry, registry

SOON = timedelta(milliseconds=50)


class Refusing(Interceptor):
    """Temporal refuses the starts of these jobs, as it seems to whoever starts them."""

    def __init__(self, job_ids: Collection[str], status: RPCStatusCode) -> None:
        self.job_ids, self.status = set(job_ids), status
        self.tried: list[str] = []

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002  # the SDK's name
        return _Refusing(next, self)


class _Refusing(OutboundInterceptor):
    def __init__(self, following: OutboundInterceptor, refusing: Refusing) -> None:
        super().__init__(following)
        self._refusing = refusing

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:  # noqa: A002  # the SDK's
        self._refusing.tried.append(input.id)
        if input.id in self._refusing.job_ids:
            raise RPCError("refused", self._refusing.status, b"")
        return await super().start_workflow(input)


def intercepted(client: Client, refusing: Refusing) -> Client:
    config = client.config(active_config=True)
    config["interceptors"] = [refusing]
    return Client(**config)


@pytest.mark.parametrize("batch", [1, pytest.param(25, marks=pytest.mark.long)])
async def test_jobs_that_alone_meet_an_outage_hold_nobody_up_and_start_once_it_is_over(
    shop: Shop, engine: AsyncEngine, outbox: SqlOutbox, client: Client, batch: int
) -> None:
    lost = Refusing({"order-confirmation/1", "order-confirmation/2"}, RPCStatusCode.UNAVAILABLE)
    await shop.place(*range(1, 31))
    one = timedelta(seconds=1)
    relay = Relay(outbox, intercepted(client, lost), registry, patience=timedelta(), batch=batch, aside_for=one)
    running = asyncio.create_task(relay.run())

    await shop.emptied(but=2)
    assert await runs(client, 28) == one_each(range(3, 31))

    lost.job_ids.clear()
    async with engine.begin() as connection:
        await connection.execute(table.update().values(retry_at=None))
    await shop.emptied()
    await relay.stop()
    await running
    assert await runs(client, 30) == one_each(range(1, 31))


async def test_thousands_that_were_put_off_leave_most_of_a_batch_to_new_ones(
    shop: Shop, engine: AsyncEngine, outbox: SqlOutbox, client: Client
) -> None:
    off = {"kind": "order-confirmation", "error_type": "NotSetUp", "error": "jobs setup"}
    async with engine.begin() as connection:
        for number in range(1001, 1101):
            values = off | {"payload": {"order_id": number}, "retry_at": func.now()}
            await connection.execute(insert(table).values(**values))
    await shop.place(*range(1, 11))
    seen = Refusing((), RPCStatusCode.UNAVAILABLE)
    relay = Relay(outbox, intercepted(client, seen), registry, patience=timedelta(), batch=10)
    await relay.work_on_one_batch()

    assert {f"order-confirmation/{number}" for number in range(1, 11)} <= set(seen.tried)
    assert (len(seen.tried), len(await entries(engine))) == (12, 98)


async def test_what_temporal_refuses_for_the_state_it_is_in_is_put_off_and_not_given_up(
    shop: Shop, engine: AsyncEngine, outbox: SqlOutbox, client: Client
) -> None:
    inactive = Refusing({"order-confirmation/1"}, RPCStatusCode.FAILED_PRECONDITION)
    await shop.place(1)
    await Relay(outbox, intercepted(client, inactive), registry, patience=timedelta()).work_on_one_batch()

    (kept,) = await entries(engine)
    assert (kept.refused_at, kept.retry_at is None) == (None, False)


class Fragile(OrderConfirmationRequest):
    """Has a bug that pydantic doesn't turn into a ValidationError."""

    kind = "order-confirmation"

    @model_validator(mode="before")
    @classmethod
    def _checked(cls, data: Any) -> Any:
        if data["order_id"] == 1:
            raise KeyError("shop")
        return data


class WithFragile(Registry):
    def get(self, name: str) -> Kind:
        return replace(super().get(name), request=Fragile)


async def test_a_request_whose_own_check_has_a_bug_holds_nobody_up(
    shop: Shop, engine: AsyncEngine, relaying: Relaying, client: Client
) -> None:
    kinds = WithFragile()
    kinds.register(registry.get("order-confirmation"))
    await shop.place(1, 2)

    async with relaying(kinds):
        (kept,) = [row for row in await has_error(engine) if row.error]
        assert await runs(client, 1) == one_each([2])

    assert (kept.error_type, kept.refused_at) == ("KeyError", None)


async def test_what_another_relay_refused_as_unknown_is_started_by_one_that_has_been_running_all_along(
    shop: Shop, engine: AsyncEngine, relaying: Relaying, client: Client
) -> None:
    async with relaying(look_every=SOON, revive_every=SOON):
        # As after an outage, when the relay that knows less comes first.
        unknown = {"error_type": "UnknownKind", "error": "unknown", "refused_at": func.now()}
        await put(engine, kind="order-confirmation", payload={"order_id": 1}, **unknown)
        await shop.emptied()
    assert await runs(client, 1) == one_each([1])


@pytest.mark.parametrize("url", ["postgresql://nobody@127.0.0.1:1/shop", "postgresql://nobody@127.0.0.1:port/shop"])
async def test_a_relay_that_cannot_listen_says_so_once_and_finds_entries_all_the_same(
    engine: AsyncEngine,
    settings: DatabaseSettings,
    shop: Shop,
    relaying: Relaying,
    caplog: pytest.LogCaptureFixture,
    url: str,
) -> None:
    deaf = SqlOutbox(engine, settings.model_copy(update={"listen_url": SecretStr(url)}))
    async with relaying(box=deaf, look_every=SOON):
        for order_id in (1, 2):
            await shop.place(order_id)
            await shop.emptied()
    (said,) = [record for record in caplog.records if record.name == "adapters.db.outbox_relay"]
    assert "DATABASE_LISTEN_URL" in said.getMessage()
    assert "nobody" not in said.getMessage()
