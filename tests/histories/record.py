"""Records the histories that `tests/workflows/test_replay.py` replays: `python -m tests.histories.record [COURSE …]`.

Without a course it records all of them. Record anew only where a change of commands is meant and guarded by
`workflow.patched`; a history that was recorded before the change stays, as live runs do.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import sysconfig
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from adapters.process import leave
from domain.errors import RateLimited, RecipientRejected, ServiceUnavailable
from domain.order_confirmation import OrderConfirmationRequest
from starter import JobDidNotComplete, Jobs
from starter.held_jobs import release
from starter.setup import add_search_attributes
from tests.fakes import FakeMail, FakeOrders, an_order, fake_ports
from workflows.data_converter import data_converter
from workflows.hosting import job_worker
from workflows.pausing import Target, pauses_of
from workflows.registry import registry

HISTORIES = Path(__file__).parent
BUSY = "451 4.3.0 at RCPT TO"

_ORDER_CONFIRMATION: dict[str, tuple[dict[str, bool] | None, list[BaseException | None]]] = {
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
"""Course → the order, if there is one, and what the mail server says at each attempt."""


async def record(client: Client, courses: Collection[str]) -> None:
    """Run each of these courses of a job, and keep its history."""
    folder = HISTORIES / "order-confirmation"
    folder.mkdir(exist_ok=True)
    for order_id, (name, (order, script)) in enumerate(_ORDER_CONFIRMATION.items(), start=1):
        if name not in courses:
            continue
        held = name.startswith("held")
        pauses_of(client).replace({Target(kind="order-confirmation"): ""} if held else {})
        orders = FakeOrders() if order is None else FakeOrders(an_order(order_id, confirmed="confirmed" in order))
        async with job_worker(client, "notifications", registry, fake_ports(orders, mail=FakeMail(*script))):
            handle = await Jobs(client).start(OrderConfirmationRequest, order_id=order_id)
            while held and await release(client) == (0, 0):  # noqa: ASYNC110  # visibility tells nobody by itself
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
        await record(environment.client, sys.argv[1:] or _ORDER_CONFIRMATION)


if __name__ == "__main__":
    asyncio.run(main())
    leave(0)
