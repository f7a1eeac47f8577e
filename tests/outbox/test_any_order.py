"""Enqueue, commit, roll back, crash and relay in any order: each committed job has one run, all others none."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.client import Client

from adapters.db.engine import make_engine
from adapters.db.outbox_relay import SqlOutbox
from adapters.settings import DatabaseSettings
from demo.stack import Stack
from domain.order_confirmation import OrderConfirmationRequest
from starter import JobNotFound, Jobs, outbox
from starter.connection import connect
from starter.relay import Relay
from tests.outbox.crashing import Crashing
from tests.outbox.processes import FULL
from tests.outbox.shop import one_each, runs
from workflows.registry import registry


class Machine(RuleBasedStateMachine):
    """Two applications' transactions at a time, and relays one batch at a time."""

    def __init__(
        self, database: str, client: Client, runner: asyncio.Runner, ids: Iterator[int], all_committed: set[int]
    ) -> None:
        super().__init__()
        self.database, self.client, self.runner, self.ids = database, client, runner, ids
        self.all_committed = all_committed
        self.committed: set[int] = set()
        self.known: list[int] = []

    def do(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(coroutine)

    @initialize()
    def open(self) -> None:
        self.settings = DatabaseSettings(url=SecretStr(self.database))
        self.engine = make_engine(self.settings)
        self.sessions = {name: AsyncSession(self.engine) for name in "ab"}
        self.pending: dict[str, set[int]] = {name: set() for name in "ab"}

    @rule(name=st.sampled_from("ab"), count=st.integers(1, 5))
    def enqueue(self, name: str, count: int) -> None:
        for _ in range(count):
            self._enqueue(name, next(self.ids))

    @precondition(lambda self: self.known)
    @rule(name=st.sampled_from("ab"), data=st.data())
    def enqueue_one_that_was_enqueued_before(self, name: str, data: st.DataObject) -> None:
        self._enqueue(name, data.draw(st.sampled_from(self.known)))

    def _enqueue(self, name: str, order_id: int) -> None:
        self.known.append(order_id)
        self.pending[name].add(order_id)
        outbox.enqueue(self.sessions[name], OrderConfirmationRequest(order_id=order_id))

    @rule(name=st.sampled_from("ab"))
    def flush(self, name: str) -> None:
        self.do(self.sessions[name].flush())

    @rule(name=st.sampled_from("ab"))
    def commit(self, name: str) -> None:
        self.do(self.sessions[name].commit())
        self.committed |= self.pending[name]
        self.pending[name] = set()

    @rule(name=st.sampled_from("ab"))
    def roll_back(self, name: str) -> None:
        self.do(self.sessions[name].rollback())
        self.pending[name] = set()

    @rule()
    def crash_the_applications(self) -> None:
        async def end() -> None:
            async with self.engine.connect() as connection:
                await connection.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                    )
                )
            for session in self.sessions.values():
                await session.invalidate()
            await self.engine.dispose()  # the kept connections are gone as well

        self.do(end())
        self.sessions = {name: AsyncSession(self.engine) for name in "ab"}
        self.pending = {name: set() for name in "ab"}

    @precondition(lambda self: self.committed)
    @rule(data=st.data())
    def start_one_directly(self, data: st.DataObject) -> None:
        order_id = data.draw(st.sampled_from(sorted(self.committed)))
        self.do(Jobs(self.client).start(OrderConfirmationRequest, order_id=order_id))

    @rule(most=st.integers(1, 4))
    def relay_a_batch(self, most: int) -> None:
        self._relay(SqlOutbox(self.engine, self.settings), most)

    @rule(most=st.integers(1, 4))
    def relay_a_batch_and_crash(self, most: int) -> None:
        self._relay(Crashing(self.engine, self.settings), most)

    def _relay(self, box: SqlOutbox, most: int) -> None:
        relay = Relay(box, self.client, registry, batch=most, patience=timedelta())
        self.do(relay.work_on_one_batch())

    def teardown(self) -> None:
        async def left() -> int:
            return (await SqlOutbox(self.engine, self.settings).backlog()).waiting

        if not hasattr(self, "engine"):
            return
        for session in self.sessions.values():
            self.do(session.close())
        while self.do(left()):
            self._relay(SqlOutbox(self.engine, self.settings), 25)
        self.do(self.engine.dispose())
        self.all_committed |= self.committed
        for order_id in self.known:
            assert self.do(self._is_there(order_id)) == (order_id in self.committed)

    async def _is_there(self, order_id: int) -> bool:
        try:
            await Jobs(self.client).of(OrderConfirmationRequest(order_id=order_id)).status()
        except JobNotFound:
            return False
        return True


@pytest.mark.timeout(1800 if FULL else 180)
def test_any_order_of_events_leaves_one_run_of_each_committed_job(
    database: str, client: Client, stack: Stack, caplog: Any
) -> None:
    caplog.set_level("CRITICAL")
    chosen = settings(
        max_examples=300 if FULL else 40,
        stateful_step_count=40 if FULL else 20,
        deadline=None,
        derandomize=not FULL,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    with asyncio.Runner() as runner:
        own = runner.run(connect(target_host=stack.temporal_address, namespace=client.namespace))
        ids, committed = count(1), set[int]()

        class OnTheStack(Machine):
            def __init__(self) -> None:
                super().__init__(database, own, runner, ids, committed)

        run_state_machine_as_test(OnTheStack, settings=chosen)
        assert runner.run(runs(own, len(committed))) == one_each(committed)
