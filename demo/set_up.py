"""Gives the servers what they need before jobs can run: schema, search attributes, retention, the shop's data."""

from __future__ import annotations

from temporalio.client import Client

from adapters.db.job_kinds import sync
from adapters.db.migrate import upgrade
from demo.load import load
from demo.stack import Stack
from starter.setup import add_search_attributes, set_retention
from workflows.data_converter import data_converter
from workflows.registry import registry


async def set_up(stack: Stack) -> tuple[Client, int]:
    """Do what is not done yet; returns a client, and how many orders were loaded.

    Raises `JobError`s and `StarterError`s.
    """
    await upgrade(stack.database_url)
    await sync(stack.database_url, [kind.request for kind in registry])
    # By its address, not by TEMPORAL_* variables: those may name another server.
    client = await Client.connect(stack.temporal_address, data_converter=data_converter)
    await add_search_attributes(client)
    await set_retention(client)
    return client, await load(stack.database_url)
