"""Gives the servers what they need before jobs can run: schema, search attributes, retention, data, a key."""

from __future__ import annotations

from dataclasses import dataclass

from temporalio.client import Client

from adapters.db.job_kinds import sync
from adapters.db.migrate import upgrade
from demo.api_key import visitors_key
from demo.load import load
from demo.stack import Stack
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
    loaded: int
    """Orders that were not there before."""
    api_key: str
    """Of the HTTP interface, for the visitor."""


async def set_up(stack: Stack) -> SetUp:
    """Do what is not done yet. Raises `JobError`s and `StarterError`s."""
    await upgrade(stack.database_url)
    await sync(stack.database_url, registry.requests())
    # By its address, not by TEMPORAL_* variables: those may name another server.
    client = await Client.connect(stack.temporal_address, data_converter=encryption.configured())
    await add_search_attributes(client)
    await set_retention(client)
    await apply(declared(), ActualSchedules(client), OWNER)
    loaded = await load(stack.database_url)
    return SetUp(client, loaded, await visitors_key(stack.database_url, stack.folder))
