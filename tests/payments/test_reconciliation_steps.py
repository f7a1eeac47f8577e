"""The step of a reconciliation, with fakes behind the ports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.payment_reconciliation import PaymentReconciliationActivities
from domain.payment_reconciliation import PaymentReconciliationRequest, Reconciled
from domain.payments import Payment
from tests.fakes_payments import FakePayments, FakeProvider, FakeReconciliations, a_payment

NOW = datetime.now(UTC)


class SlowList(FakeProvider):
    """Takes its time before the first payment comes, as a long list of events does."""

    def __init__(self, until: asyncio.Event) -> None:
        super().__init__(a_payment())
        self.until = until

    async def changed_since(self, moment: datetime) -> AsyncIterator[Payment]:
        await asyncio.wait_for(self.until.wait(), 30)
        async for payment in super().changed_since(moment):
            yield payment


async def test_an_attempt_is_heard_of_while_it_waits_for_the_provider() -> None:
    environment, heard = ActivityEnvironment(), asyncio.Event()
    environment.info = replace(environment.info, heartbeat_timeout=timedelta(milliseconds=30))
    beats: list[object] = []

    def beat(*_: object) -> None:
        beats.append(None)
        if len(beats) == 3:
            heard.set()

    environment.on_heartbeat = beat
    steps = PaymentReconciliationActivities(SlowList(heard), FakePayments(), FakeReconciliations())

    before = asyncio.all_tasks()
    found = await environment.run(steps.reconcile, PaymentReconciliationRequest(up_to=NOW))

    assert found == Reconciled(seen=1, missed=1)
    assert asyncio.all_tasks() <= before


@pytest.mark.parametrize("later", [timedelta(days=1), -timedelta(days=1)], ids=["in the future", "in the past"])
async def test_what_the_provider_has_still_to_tell_is_left_to_the_next(later: timedelta) -> None:
    reconciliations = FakeReconciliations()
    steps = PaymentReconciliationActivities(FakeProvider(), FakePayments(), reconciliations)

    await ActivityEnvironment().run(steps.reconcile, PaymentReconciliationRequest(up_to=NOW + later))

    assert reconciliations.turn.until is not None
    assert reconciliations.turn.until <= datetime.now(UTC)
    assert later > timedelta() or reconciliations.turn.until == NOW + later
