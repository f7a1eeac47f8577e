"""The stack starts beside others and on what an earlier one left; its parts lose nothing when they are killed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from uuid import uuid4

import asyncpg
import psutil
import pytest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import ListTaskQueuePartitionsRequest
from temporalio.client import Client, WorkflowExecutionStatus

from demo.part import Part
from demo.ports import Ports, is_taken
from demo.stack import FolderInUse, Stack
from starter.setup import missing_search_attributes
from tests.demo.conftest import survivors

OWNER = """
import json, sys, time
from pathlib import Path
from demo.ports import Ports
from demo.stack import Stack
with Stack(Path(sys.argv[1]), ports=Ports(**json.loads(sys.argv[2]))):
    print("up", flush=True)
    time.sleep(600)
"""
DISTURBING = {
    "TEMPORAL_ADDRESS": "127.0.0.1:1",
    "TEMPORAL_PROFILE": "nowhere",
    "PGHOST": "127.0.0.9",
    "PGPORT": "1",
    "PGDATA": "/nonexistent",
    "http_proxy": "http://127.0.0.1:1",
    "LC_ALL": "xx_XX",
}


def start_owner(folder: Path, ports: Ports) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """A process that has started a stack, and the stack's processes."""
    command = [sys.executable, "-c", OWNER, str(folder), json.dumps(asdict(ports))]
    owner = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | DISTURBING)
    assert owner.stdout is not None
    with owner.stdout:
        assert owner.stdout.readline() == "up\n"
    return owner, psutil.Process(owner.pid).children(recursive=True)


def test_a_folder_has_one_stack_and_a_killed_one_leaves_it_to_the_next(folder: Path) -> None:
    ports = Ports.free()
    first, started = start_owner(folder, ports)
    with pytest.raises(FolderInUse, match=rf"runs on .* already \(process {first.pid}\)"):
        Stack(folder, ports=Ports.free()).start()
    first.kill()

    second, its = start_owner(folder, ports)  # at once: it waits for the servers of the first

    assert survivors(started, within=0) == []
    second.terminate()
    second.wait()
    assert survivors(its) == []
    assert not any(is_taken(port) for port in asdict(ports).values())
    first.wait()


async def test_postgresql_keeps_what_was_committed_when_it_is_killed(stack: Stack, database: str) -> None:
    async def execute(statement: str) -> str:
        connection = await asyncpg.connect(database)
        try:
            return str(await connection.fetchval(statement))
        finally:
            await connection.close()

    await execute("CREATE TABLE kept AS SELECT 'committed' AS value")
    assert stack.postgres.pid is not None
    psutil.Process(stack.postgres.pid).kill()
    while not stack.died():  # noqa: ASYNC110  # processes have no event
        await asyncio.sleep(0.01)
    assert stack.died() == [stack.postgres]

    await asyncio.to_thread(stack.postgres.start)

    assert stack.died() == []
    assert await execute("SELECT value FROM kept") == "committed"
    assert await execute("SHOW server_version") >= "18"
    assert await execute("SHOW fsync") == "on"
    assert await execute("SELECT lower('ŻÓŁĆ ΣΠΎΡΟΣ')") == "żółć σπύροσ"


@pytest.mark.parametrize("end", [Part.stop, Part.kill])
async def test_temporal_keeps_its_workflows(end: Callable[[Part], None], stack: Stack) -> None:
    client = await Client.connect(stack.temporal_address)
    handle = await client.start_workflow("Unknown", id=f"kept/{uuid4()}", task_queue="nobody")

    await asyncio.to_thread(end, stack.temporal)
    assert stack.died() == []
    await asyncio.to_thread(stack.temporal.start)

    again = (await Client.connect(stack.temporal_address)).get_workflow_handle(handle.id)
    assert (await again.describe()).status is WorkflowExecutionStatus.RUNNING
    await again.terminate()


async def test_the_settings_of_the_temporal_server_work(stack: Stack) -> None:
    """The server accepts settings that it doesn't know without a word: so look at what they did."""
    client = await Client.connect(stack.temporal_address)
    connection = sqlite3.connect(stack.temporal.folder / "temporal.db")
    mode = connection.execute("PRAGMA journal_mode").fetchone()
    connection.close()
    queue = TaskQueue(name=f"queue-{uuid4()}")
    found = await client.workflow_service.list_task_queue_partitions(
        ListTaskQueuePartitionsRequest(namespace="default", task_queue=queue)
    )

    assert mode == ("wal",)
    assert (len(found.workflow_task_queue_partitions), len(found.activity_task_queue_partitions)) == (1, 1)
    assert await missing_search_attributes(client) == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_a_shell_reads_the_addresses_from_the_folder(stack: Stack) -> None:
    shell = f"set -a; . {stack.folder / 'env'}; set +a; exec env -0"
    read = subprocess.run(["bash", "-c", shell], env={}, capture_output=True, check=True, text=True).stdout

    assert stack.environment().items() <= dict(line.split("=", 1) for line in read.split("\0") if line).items()
    assert {"TEMPORAL_ADDRESS", "DATABASE_URL", "SMTP_PORT", "PAYMENT_URL", "ALERT_URLS"} <= stack.environment().keys()
