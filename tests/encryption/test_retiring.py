"""A key is retired once nothing needs it any more, and comes back where something does all the same."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr
from temporalio.client import Client, Schedule, ScheduleActionStartWorkflow, ScheduleSpec, ScheduleState

from adapters.db.dead_letters import SqlDeadLetters
from adapters.db.encryption_keys import SqlEncryptionKeys
from adapters.db.engine import make_engine
from adapters.settings import DatabaseSettings
from demo.stack import Stack
from domain.dead_letters import DeadRun, DeathCause
from starter import Jobs
from starter.key_check import KeyCheck
from starter.key_use import MOST, KeyUse, Need
from tests.encryption.conftest import Having, keyring
from tests.encryption.diary import KINDS, DiaryEntryRequest
from tests.namespaces import new_namespace
from tests.starter.commandline import CommandLine


async def use(client: Client, key_id: str, letters: Sequence[tuple[str, str]] = (), *, most: int = MOST) -> KeyUse:
    async def given() -> AsyncIterator[tuple[str, str]]:
        for each in letters:
            yield each

    found = KeyUse(client, key_id, most=most)
    await found.look(given())
    return found


async def test_a_key_is_retired_where_nothing_needs_it_and_can_be_had_back(
    having: Having, entry_id: int, database: str, stack: Stack
) -> None:
    engine = make_engine(DatabaseSettings(url=SecretStr(database)))
    store, letters = SqlEncryptionKeys(engine), SqlDeadLetters(engine, alert_window=timedelta())
    await KeyCheck(store, keyring("k1", "k2")).register()
    await KeyCheck(store, keyring("k2", "k1")).register()
    client, keyless = await having("k1"), await having()
    requests = [DiaryEntryRequest(entry_id=entry_id + more, hint=uuid.uuid4().hex) for more in (0, 100_000, 200_000)]
    alive, other_dead, dead = [await Jobs(client, kinds=KINDS).start(request) for request in requests]
    for each in (other_dead, dead):
        await client.get_workflow_handle(each.id).terminate("ordered twice")
    await client.create_schedule(
        "diary-at-night",
        Schedule(
            action=ScheduleActionStartWorkflow("DiaryEntry", requests[0], id="diary-at-night", task_queue="diaries"),
            spec=ScheduleSpec(cron_expressions=["0 3 * * *"]),
            state=ScheduleState(paused=True),
        ),
    )
    assert dead.run_id is not None
    of_dead = DeadRun(
        workflow_id=dead.id,
        run_id=dead.run_id,
        kind="diary-entry",
        queue="diaries",
        cause=DeathCause.terminated,
        error_type="Terminated",
        failed_at=datetime.now(UTC),
    )
    await letters.record(of_dead)
    expected = {Need.running: [alive.id], Need.schedules: ["diary-at-night"], Need.lately: [dead.id, other_dead.id]}
    async with asyncio.timeout(60):
        while (await use(keyless, "k1")).examples != expected:  # noqa: ASYNC110  # lists tell nobody by themselves
            await asyncio.sleep(0.1)
    with_letter = await use(keyless, "k1", [(dead.id, dead.run_id), ("forgotten", str(uuid.uuid4()))])
    of_others = [await use(keyless, name) for name in ("k2", "k", "k11")]
    newest, none_running = await use(keyless, "k1", most=1), await use(keyless, "k2", most=0)
    elsewhere = await new_namespace(stack)

    environment = {**stack.environment(), "TEMPORAL_NAMESPACE": client.namespace, "DATABASE_URL": database}
    cli, away = CommandLine(environment), CommandLine({**environment, "TEMPORAL_ADDRESS": "127.0.0.1:1"})
    needed = await cli("encryption", "retire", "k1", "--json")
    untold = await away("encryption", "retire", "k1")
    wrong_place = await cli("encryption", "retire", "k1", "--json", TEMPORAL_NAMESPACE=elsewhere.namespace)
    before = await store.all()
    forced = await away("encryption", "retire", "k1", "--force")
    unneeded = await cli("encryption", "retire", "k2")
    retired = await store.all()
    restored = await cli("encryption", "restore", "k1")
    unknown = await store.restore("k3")
    after = await store.all()
    await engine.dispose()

    assert with_letter.examples == {**expected, Need.letters: [dead.id]}
    assert [(other.told(), other.complete) for other in of_others] == [("", True)] * 3
    assert (newest.examples[Need.lately], newest.complete, none_running.complete) == ([dead.id], True, False)
    assert (needed.status, needed.document["error"]["type"]) == (1, "InUse")
    for told in (f"1 running jobs ({alive.id})", f"1 dead letters that are not settled ({dead.id})", "--force"):
        assert told in needed.document["error"]["message"]
    assert (untold.status, "cannot be told" in untold.err) == (1, True)
    assert (wrong_place.status, wrong_place.document["error"]["type"]) == (1, "NotKnown")
    place = f"Temporal at {stack.temporal_address}, namespace {elsewhere.namespace!r}, has neither jobs nor schedules"
    assert place in wrong_place.document["error"]["message"]
    assert [key.retired_at for key in before] == [None, None]
    assert (forced.status, unneeded.status) == (0, 0), forced.err + unneeded.err
    assert "encryption restore k1" in forced.out
    assert "Looked at" not in forced.out
    assert f"Looked at 3 jobs in namespace {client.namespace!r} at {stack.temporal_address}." in unneeded.out
    assert None not in [key.retired_at for key in retired]
    assert (restored.status, unknown) == (0, None)
    assert "does not have it" in restored.err
    assert {key.id: key.retired_at is None for key in after} == {"k1": True, "k2": False}
