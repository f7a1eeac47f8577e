"""Loads the shop's data set into the database."""

from __future__ import annotations

from pydantic import SecretStr
from sqlalchemy.dialects.postgresql import insert

from adapters.db.engine import make_engine
from adapters.db.orders import SqlOrders
from adapters.db.report_tables import report_subscriptions, staff
from adapters.settings import DatabaseSettings
from demo.data.shop import orders
from demo.data.staff import STAFF, SUBSCRIPTIONS


async def load(database_url: str) -> int:
    """Add all orders with their customers and items, and the staff; returns how many orders were not there yet.

    What is there stays as it is. The schema must be there (`adapters.db.migrate.upgrade`). Raises `JobError`s.
    """
    engine = make_engine(DatabaseSettings(url=SecretStr(database_url)), application_name="demo-load", pooled=False)
    try:
        async with engine.begin() as connection:
            for table, rows in ((staff, STAFF), (report_subscriptions, SUBSCRIPTIONS)):
                await connection.execute(insert(table).on_conflict_do_nothing(), rows)
        return await SqlOrders(engine).add_all(orders())
    finally:
        await engine.dispose()
