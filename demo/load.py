"""Loads the shop's data set into the database."""

from __future__ import annotations

from pydantic import SecretStr

from adapters.db.engine import make_engine
from adapters.db.orders import SqlOrders
from adapters.settings import DatabaseSettings
from demo.data.shop import orders


async def load(database_url: str) -> int:
    """Add all orders with their customers and items; returns how many were not there yet.

    What is there stays as it is. The schema must be there (`adapters.db.migrate.upgrade`). Raises `JobError`s.
    """
    engine = make_engine(DatabaseSettings(url=SecretStr(database_url)), application_name="demo-load", pooled=False)
    try:
        return await SqlOrders(engine).add_all(orders())
    finally:
        await engine.dispose()
