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
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from adapters.process import leave
from starter import JobDidNotComplete, Jobs
from starter.pauses import release
from starter.setup import add_search_attributes
from tests.histories.courses import orders, payments, reports, scheduled, system
from tests.histories.courses.course import Course
from workflows.data_converter import data_converter
from workflows.hosting import job_worker
from workflows.pausing import Pauses, Target
from workflows.registry import registry

HISTORIES = Path(__file__).parent

COURSES: dict[str, dict[str, Course]] = {
    **orders.COURSES,
    **payments.COURSES,
    **reports.COURSES,
    **scheduled.COURSES,
    **system.COURSES,
}
"""By kind, by name."""


async def record(client: Client, kind: str, courses: Collection[str]) -> None:
    """Run each of these courses of a kind of job, and keep its history."""
    folder = HISTORIES / kind
    folder.mkdir(exist_ok=True)
    for name in courses:
        course = COURSES[kind][name]
        pauses = Pauses({Target(kind=kind): ""} if course.held else {})
        async with job_worker(client, registry.get(kind).queue, registry, course.ports, pauses=pauses):
            handle = await Jobs(client).start(course.request)
            while course.held and not await release(client):  # noqa: ASYNC110  # visibility sends no notice
                await asyncio.sleep(0.1)
            if course.cancel_when is not None:
                await course.cancel_when.wait()
                await handle.cancel()
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
