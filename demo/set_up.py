"""Gives the servers what jobs need before they can run: schema, search attributes, schedules, data, a key."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from pydantic import SecretStr
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from adapters.db.api_keys import SqlApiKeys
from adapters.db.engine import make_engine
from adapters.db.job_kinds import sync
from adapters.db.migrate import upgrade
from adapters.db.orders import SqlOrders
from adapters.db.report_tables import report_subscriptions, staff
from adapters.settings import DatabaseSettings
from demo.data.shop import STAFF, SUBSCRIPTIONS, orders
from demo.stack import Stack
from domain.api_keys import new_secret
from starter import encryption
from starter.schedules import OWNER, declared
from starter.scheduling.actual import ActualSchedules
from starter.scheduling.applying import apply
from starter.setup import add_search_attributes, set_retention
from workflows.registry import registry


@dataclass(frozen=True)
class SetUp:
    """What there is now."""

    client: Client
    api_key: str
    """Of the HTTP interface, for the visitor; a new one each time."""


async def set_up(stack: Stack) -> SetUp:
    """Do what is not done yet. Raises `JobError`s and `StarterError`s."""
    client, api_key = await asyncio.gather(_namespace(stack.temporal_address), _database(stack.database_url))
    return SetUp(client, api_key)


async def _namespace(address: str) -> Client:
    # By its address, not by TEMPORAL_* variables: those may name another server.
    client = await Client.connect(address, data_converter=encryption.configured())
    await add_search_attributes(client)
    await set_retention(client)
    await apply(declared(), ActualSchedules(client), OWNER)
    return client


async def _database(url: str) -> str:
    await upgrade(url)
    await sync(url, registry.requests())
    settings = DatabaseSettings(url=SecretStr(url))
    engine = make_engine(settings, application_name="demo-setup", pooled=False)
    try:
        await load(engine)
        secret = new_secret()
        await SqlApiKeys(engine).add(secret, "demo", lifetime=timedelta(days=1))
        return secret.key
    finally:
        await engine.dispose()


async def load(engine: AsyncEngine) -> int:
    """Add the data set's orders and the staff; returns how many orders were added. What is there stays as it is."""
    async with engine.begin() as connection:
        await connection.execute(insert(staff).on_conflict_do_nothing(), STAFF)
        await connection.execute(insert(report_subscriptions).on_conflict_do_nothing(), SUBSCRIPTIONS)
    return await SqlOrders(engine).add_all(orders())
