"""Records the histories that the replay tests replay: `python -m tests.histories.record [KIND [COURSE …]]`.

Without a course it records all of the kind, without a kind all there are. Record anew only where a change of commands
is meant and guarded by `workflow.patched`; a history that was recorded before the change stays, as live runs do.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import sysconfig
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from adapters.process import leave
from domain.errors import RateLimited, RecipientRejected, ServiceUnavailable
from domain.order_confirmation import OrderConfirmationRequest
from domain.payment_callback import PaymentCallbackRequest
from domain.payment_notice import PaymentNoticeRequest
from domain.payment_ports import PaymentProvider, PaymentStore, Reconciliations
from domain.payment_reconciliation import PaymentReconciliationRequest
from domain.payments import PaymentState
from domain.requests import JobRequest
from starter import JobDidNotComplete, Jobs
from starter.held_jobs import release
from starter.setup import add_search_attributes
from tests.fakes import FakeMail, FakeOrders, an_order, fake_ports
from tests.fakes_payments import FakePayments, FakeProvider, FakeReconciliations, a_payment
from workflows.data_converter import data_converter
from workflows.hosting import job_worker
from workflows.pausing import Target, pauses_of
from workflows.registry import registry

HISTORIES = Path(__file__).parent
BUSY = "451 4.3.0 at RCPT TO"


@dataclass(frozen=True)
class Course:
    """One way that a job may take."""

    request: JobRequest
    ports: Mapping[type, object]
    held: bool = False
    """Paused when it starts, and let go."""


def _confirmations() -> Iterator[tuple[str, Course]]:
    scripts: dict[str, tuple[dict[str, bool] | None, list[BaseException | None]]] = {
        "done-at-once": ({}, []),
        "done-at-the-second-attempt": ({}, [ServiceUnavailable(BUSY)]),
        "done-at-the-last-attempt": ({}, [ServiceUnavailable(BUSY)] * 3),
        "failed-at-the-last-attempt": ({}, [ServiceUnavailable(BUSY)] * 4),
        "refused-at-once": ({}, [RecipientRejected("550 5.1.1 at RCPT TO")]),
        "refused-at-the-second-attempt": ({}, [ServiceUnavailable(BUSY), RecipientRejected("550 5.1.1 at RCPT TO")]),
        "past-the-deadline": ({}, [RateLimited("429", retry_after=timedelta(hours=1))]),
        "skipped-not-found": (None, []),
        "skipped-confirmed": ({"confirmed": True}, []),
        "held-and-resumed": ({}, [ServiceUnavailable(BUSY)]),
    }
    for order_id, (name, (order, script)) in enumerate(scripts.items(), start=1):
        orders = FakeOrders() if order is None else FakeOrders(an_order(order_id, confirmed="confirmed" in order))
        ports = fake_ports(orders, mail=FakeMail(*script))
        yield name, Course(OrderConfirmationRequest(order_id=order_id), ports, held=name.startswith("held"))


def _callbacks() -> Iterator[tuple[str, Course]]:
    for name, provider in {
        "done-captured": FakeProvider(a_payment()),
        "declined": FakeProvider(a_payment(PaymentState.declined)),
        "skipped-pending": FakeProvider(a_payment(PaymentState.pending)),
        "done-at-the-second-attempt": FakeProvider(a_payment(), script=[ServiceUnavailable("503")]),
        "failed-not-found": FakeProvider(),
    }.items():
        ports = fake_ports(FakeOrders()) | {PaymentProvider: provider}
        yield name, Course(PaymentCallbackRequest(event_id=f"evt_{name}", payment_id="pi_1"), ports)


def _notices() -> Iterator[tuple[str, Course]]:
    for refunded, (name, state, script) in enumerate(
        [
            ("done-at-once", PaymentState.refunded, []),
            ("done-at-the-second-attempt", PaymentState.refunded, [ServiceUnavailable(BUSY)]),
            ("skipped-moved-on", PaymentState.captured, []),
        ],
        start=1,
    ):
        payments = FakePayments(a_payment(state, refunded=refunded))
        ports = fake_ports(FakeOrders(an_order()), mail=FakeMail(*script)) | {PaymentStore: payments}
        request = PaymentNoticeRequest(payment_id="pi_1", state="refunded", refunded=refunded, version=1)
        yield name, Course(request, ports)


def _reconciliations() -> Iterator[tuple[str, Course]]:
    for day, (name, under_way) in enumerate([("done", False), ("skipped-under-way", True)], start=1):
        ports = fake_ports(FakeOrders()) | {
            PaymentProvider: FakeProvider(a_payment()),
            Reconciliations: FakeReconciliations(under_way=under_way),
        }
        yield name, Course(PaymentReconciliationRequest(up_to=datetime(2026, 1, day, tzinfo=UTC)), ports)


COURSES: dict[str, dict[str, Course]] = {
    "order-confirmation": dict(_confirmations()),
    "payment-callback": dict(_callbacks()),
    "payment-notice": dict(_notices()),
    "payment-reconciliation": dict(_reconciliations()),
}
"""By kind, by name."""


async def record(client: Client, kind: str, courses: Collection[str]) -> None:
    """Run each of these courses of a kind of job, and keep its history."""
    folder = HISTORIES / kind
    folder.mkdir(exist_ok=True)
    for name in courses:
        course = COURSES[kind][name]
        pauses_of(client).replace({Target(kind=kind): ""} if course.held else {})
        async with job_worker(client, registry.get(kind).queue, registry, course.ports):
            handle = await Jobs(client).start(course.request)
            while course.held and await release(client) == (0, 0):  # noqa: ASYNC110  # visibility tells nobody by itself
                await asyncio.sleep(0.1)
            with suppress(JobDidNotComplete):
                await handle.result()
        history = await client.get_workflow_handle(handle.id).fetch_history()
        kept = _without(history.to_json_dict(), {"identity", "stackTrace"})
        (folder / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n")


def _without(value: Any, keys: set[str]) -> Any:
    """What tells of the machine that recorded: its name, its paths."""
    if isinstance(value, dict):
        if value.get("kind") == "TASK_QUEUE_KIND_STICKY":
            value["name"] = "sticky"
        return {key: _without(inner, keys) for key, inner in value.items() if key not in keys}
    return [_without(inner, keys) for inner in value] if isinstance(value, list) else value


async def main() -> None:
    """Record on a real server whose workflows skip their waits."""
    environment = await WorkflowEnvironment.start_time_skipping_v2(
        dev_server_existing_path=shutil.which("temporal", path=sysconfig.get_path("scripts")),
        dev_server_extra_args=["--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"],
        dev_server_log_level="error",
        data_converter=data_converter,
    )
    async with environment:
        await add_search_attributes(environment.client)
        for kind in sys.argv[1:2] or COURSES:
            await record(environment.client, kind, sys.argv[2:] or COURSES[kind])


if __name__ == "__main__":
    asyncio.run(main())
    leave(0)
