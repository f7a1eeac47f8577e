"""What goes wrong with one entry, or for a while, neither stops the others nor has to be mended by hand."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr, model_validator
from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client, Interceptor, OutboundInterceptor, StartWorkflowInput, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from adapters.db.outbox_relay import SqlOutbox
from adapters.settings import DatabaseSettings
from domain.order_confirmation import OrderConfirmationRequest
from starter.relay import Relay
from tests.outbox.conftest import Relaying
from tests.outbox.shop import Shop, one_each, runs
from tests.outbox.test_relay import entries, has_error, put
from workflows.registry import Kind, Registry, registry

SOON = timedelta(milliseconds=50)


class Inactive(Interceptor):
    """Refuses starts as a namespace does that is active elsewhere at the moment."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002  # the SDK's name
        return _Inactive(next)


class _Inactive(OutboundInterceptor):
    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:  # noqa: A002, ARG002  # the SDK's
        raise RPCError("Namespace is not active in this cluster", RPCStatusCode.FAILED_PRECONDITION, b"")


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


async def test_what_temporal_refuses_for_the_state_it_is_in_is_put_off_and_not_given_up(
    shop: Shop, engine: AsyncEngine, outbox: SqlOutbox, client: Client
) -> None:
    await shop.place(1)
    config = client.config(active_config=True)
    config["interceptors"] = [Inactive()]
    await Relay(outbox, Client(**config), registry, patience=timedelta()).work_on_one_batch()

    (kept,) = await entries(engine)
    assert kept.refused_at is None
    assert kept.retry_at is not None


async def test_what_another_relay_refused_as_unknown_is_started_by_one_that_has_been_running_all_along(
    shop: Shop, engine: AsyncEngine, relaying: Relaying, client: Client
) -> None:
    async with relaying(look_every=SOON, revive_every=SOON):
        # As after an outage, when the relay that knows less comes first.
        await put(
            engine,
            kind="order-confirmation",
            payload={"order_id": 1},
            error_type="UnknownKind",
            error="unknown",
            refused_at=func.now(),
        )
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
    async with relaying(box=deaf, look_every=timedelta(seconds=1)):
        await shop.place(1)
        await shop.emptied()
        await shop.place(2)
        await shop.emptied()
    (said,) = [record for record in caplog.records if record.name == "adapters.db.outbox_relay"]
    assert "DATABASE_LISTEN_URL" in said.getMessage()
    assert "nobody" not in said.getMessage()


async def test_a_relay_that_starts_few_a_second_records_all_that_it_has_started_when_it_is_told_to_stop(
    shop: Shop, relaying: Relaying, client: Client
) -> None:
    await shop.place(*range(1, 61))
    async with relaying(rate=2), asyncio.timeout(60):
        while not (await client.count_workflows("")).count:  # noqa: ASYNC110  # visibility tells nobody
            await asyncio.sleep(0.05)
    left = await shop.enqueued()
    assert (await runs(client, 60 - left)).total() == 60 - left
