"""The command that a failed job's message ends with does what it says, whatever the kind's fields are called."""

from __future__ import annotations

import importlib
import shlex
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client
from typer.main import get_group

from demo.stack import Stack
from domain.requests import START_OPTIONS, JobRequest
from starter.cli.output import Output
from starter.cli.start import start_commands
from tests.starter.commandline import CommandLine
from tests.starter.plugins import install
from workflows.registry import registry

KIND = '''
from datetime import date

from temporalio import activity, workflow

with workflow.unsafe.imports_passed_through():
    from domain.outcomes import Done, Outcome
    from domain.policies import SYNC
    from domain.requests import EntityId, JobRequest, ShortText
    from workflows import steps
    from workflows.registry import Kind


class StockCountRequest(JobRequest):
    """Count what is there."""

    shop: ShortText
    day: date
    delay: EntityId
    fairness_key: ShortText
    help: ShortText
    wait: bool
    check: bool = True
    restart: bool | None = None


class Activities:
    @activity.defn(name="stock_count.count")
    async def count(self, request: StockCountRequest) -> None:
        """Can run twice: it does nothing."""


@workflow.defn
class StockCount:
    @workflow.run
    async def run(self, request: StockCountRequest) -> Outcome:
        await steps.run(Activities.count, request)
        return Done()


ROW = Kind(StockCountRequest, StockCount, Activities, "counts", SYNC)
'''


@pytest.mark.parametrize(
    "fields",
    [
        {"help": "a", "wait": True, "check": False, "restart": False},
        {"help": "-x;`id`", "wait": False, "restart": True},
    ],
)
async def test_the_command_starts_the_same_job_though_its_fields_have_the_names_of_options(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stack: Stack,
    client: Client,
    order_id: int,
    fields: dict[str, Any],
) -> None:
    install(tmp_path, KIND)
    monkeypatch.syspath_prepend(str(tmp_path))
    request: JobRequest = importlib.import_module("digests").StockCountRequest(
        shop="north", day=date(2026, 1, 31), delay=order_id, fairness_key="evenly", **fields
    )
    command_line = CommandLine(
        {**stack.environment(), "TEMPORAL_NAMESPACE": client.namespace, "PYTHONPATH": str(tmp_path)}
    )

    python, module, starter, *words = shlex.split(request.redrive)
    done = await command_line(*words, "--no-check", "--json")

    assert (python, module, starter) == ("python", "-m", "starter")
    assert (done.status, done.err) == (0, "")
    assert done.document["id"] == request.workflow_id
    assert done.document["started"] is True


def test_a_command_has_the_options_that_requests_leave_to_it_and_no_others() -> None:
    command = get_group(start_commands(registry, Output("jobs", as_json=False))).commands["order-confirmation"]

    names = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}

    assert names | {"--help"} == START_OPTIONS | {"--order-id"}
