"""The worker and the command line, as operators run them, with encryption and without the key for it."""

from __future__ import annotations

import pytest

from demo.stack import Stack
from starter.encryption import new_key
from tests.starter.commandline import CommandLine
from tests.worker.worker_process import WorkerProcess, clean_environment


@pytest.fixture
def environment(stack: Stack, namespace: str, database: str) -> dict[str, str]:
    return {
        **clean_environment(),
        **stack.environment(),
        "TEMPORAL_NAMESPACE": namespace,
        "DATABASE_URL": database,
        "WORKER_HTTP_PORT": "0",
    }


async def test_a_worker_with_a_wrong_key_refuses_to_start(environment: dict[str, str]) -> None:
    cli = CommandLine(environment)
    key, other = new_key("2026-11"), new_key("2026-11")

    made_known = await cli("setup", "--json", JOBS_ENCRYPTION_KEYS=key)
    worker = await WorkerProcess.start(environment | {"JOBS_ENCRYPTION_KEYS": other})
    try:
        status = await worker.ended()
    finally:
        await worker.end()
    without = await cli("encryption", "keys", "--json")
    in_use = await cli("encryption", "retire", "2026-11", JOBS_ENCRYPTION_KEYS=key)

    [part] = [part for part in made_known.document["parts"] if part["part"] == "encryption"]
    assert (part["changed"], part["result"]) == (True, "2026-11 encrypts")
    [told] = worker.errors.strip().splitlines()
    assert (status, told.startswith("worker: ")) == (2, True)
    assert "'2026-11' of this process (JOBS_ENCRYPTION_KEYS, or the file that JOBS_ENCRYPTION_KEYS_FILE names)" in told
    assert "is another one" in told
    assert other.partition(":")[2] not in told
    assert (without.status, without.document["error"]["type"]) == (1, "WrongKeys")
    assert [(each["id"], each["here"]) for each in without.document["keys"]] == [("2026-11", False)]
    assert (in_use.status, "is the one that encrypts here" in in_use.err) == (1, True)
