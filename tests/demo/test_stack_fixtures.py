"""What other tests rely on."""

import asyncpg
from temporalio.client import Client

from demo.inbox.reader import InboxReader
from starter.setup import missing_search_attributes


async def test_the_session_database_has_the_schema(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM orders") is not None
    finally:
        await connection.close()


async def test_a_test_database_is_migrated_and_empty(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        assert await connection.fetchval("SELECT count(*) FROM orders") == 0
    finally:
        await connection.close()


async def test_temporal_has_the_search_attributes(temporal_address: str) -> None:
    client = await Client.connect(temporal_address)

    assert await missing_search_attributes(client) == []


async def test_the_inbox_begins_empty(inbox: InboxReader) -> None:
    assert await inbox.mails() == []
    assert await inbox.refusals() == []
