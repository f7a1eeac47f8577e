"""The step of a reconciliation, with fakes behind the ports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.payment_reconciliation import PaymentReconciliationActivities
from domain.scheduling import ScheduledRun
from tests.fakes_payments import FakePayments, FakeProvider, FakeReconciliations

NOW = datetime.now(UTC)


def told(at: datetime) -> ScheduledRun:
    return ScheduledRun(name="payment-reconciliation", at=at, time_zone="UTC", run="run")


@pytest.mark.parametrize("later", [timedelta(days=1), -timedelta(days=1)], ids=["in the future", "in the past"])
async def test_what_the_provider_has_still_to_tell_is_left_to_the_next(later: timedelta) -> None:
    reconciliations = FakeReconciliations()
    steps = PaymentReconciliationActivities(FakeProvider(), FakePayments(), reconciliations)

    await ActivityEnvironment().run(steps.reconcile, told(NOW + later))

    assert reconciliations.turn.until is not None
    assert reconciliations.turn.until <= datetime.now(UTC)
    assert later > timedelta() or reconciliations.turn.until == NOW + later
