"""Parts of a stack die, are killed and are restarted singly, and lose nothing."""

import asyncio
import os
import signal
import sqlite3
from collections.abc import Callable
from uuid import uuid4

import asyncpg
import psutil
import pytest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import ListTaskQueuePartitionsRequest
from temporalio.client import Client, WorkflowExecutionStatus

from demo.inbox.reader import InboxReader
from demo.part import Part
from demo.stack import Stack

ENDINGS: list[Callable[[Part], None]] = [Part.stop, Part.kill]


async def _add_row(url: str, value: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CREATE TABLE IF NOT EXISTS kept (value text)")
        await connection.execute("INSERT INTO kept VALUES ($1)", value)
    finally:
        await connection.close()


async def _rows(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        return [row["value"] for row in await connection.fetch("SELECT value FROM kept")]
    finally:
        await connection.close()


@pytest.mark.parametrize("end", ENDINGS)
async def test_postgresql_keeps_what_was_committed(end: Callable[[Part], None], stack: Stack, database: str) -> None:
    await _add_row(database, "committed")

    await asyncio.to_thread(end, stack.postgres)
    assert not stack.postgres.running
    await asyncio.to_thread(stack.postgres.start)

    assert await _rows(database) == ["committed"]


@pytest.mark.parametrize("end", ENDINGS)
async def test_temporal_keeps_its_workflows(end: Callable[[Part], None], stack: Stack) -> None:
    client = await Client.connect(stack.temporal_address)
    handle = await client.start_workflow("NobodyWorksOnIt", id=f"kept/{uuid4()}", task_queue="nobody")

    await asyncio.to_thread(end, stack.temporal)
    await asyncio.to_thread(stack.temporal.start)

    again = await Client.connect(stack.temporal_address)
    described = await again.get_workflow_handle(handle.id).describe()
    assert described.status is WorkflowExecutionStatus.RUNNING
    await again.get_workflow_handle(handle.id).terminate()


async def test_a_part_that_dies_is_named_with_the_end_of_its_log(stack: Stack) -> None:
    assert stack.died() == []
    assert stack.postgres.pid is not None
    assert stack.inbox is not None

    os.kill(stack.postgres.pid, signal.SIGKILL)
    await asyncio.to_thread(psutil.Process(stack.postgres.guard_pid).wait)

    assert [(death.part, death.log) for death in stack.died()] == [("postgres", stack.postgres.log)]
    await asyncio.to_thread(stack.postgres.start)
    assert stack.died() == []


async def test_a_part_that_was_stopped_on_purpose_has_not_died(stack: Stack) -> None:
    assert stack.inbox is not None
    await asyncio.to_thread(stack.inbox.kill)
    assert stack.died() == []

    await asyncio.to_thread(stack.inbox.start)
    async with InboxReader(stack.inbox_url) as reader:
        await reader.mails()


async def test_temporal_writes_ahead_to_its_file(stack: Stack) -> None:
    """The server takes pragmas that it doesn't know without a word: so look at what they did."""
    connection = sqlite3.connect(stack.temporal.folder / "temporal.db")
    try:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    finally:
        connection.close()


async def test_temporal_keeps_each_task_queue_in_one_partition(stack: Stack) -> None:
    """The server takes settings that it doesn't know without a word: so ask for what they did."""
    client = await Client.connect(stack.temporal_address)

    answer = await client.workflow_service.list_task_queue_partitions(
        ListTaskQueuePartitionsRequest(namespace="default", task_queue=TaskQueue(name=f"queue-{uuid4()}"))
    )

    assert len(answer.workflow_task_queue_partitions) == 1
    assert len(answer.activity_task_queue_partitions) == 1


async def test_postgresql_is_durable_and_knows_all_scripts(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        assert await connection.fetchval("SHOW server_version") >= "18"
        assert await connection.fetchval("SHOW fsync") == "on"
        assert await connection.fetchval("SHOW server_encoding") == "UTF8"
        assert await connection.fetchval("SELECT lower('ŻÓŁĆ ΣΠΎΡΟΣ')") == "żółć σπύροσ"
    finally:
        await connection.close()
