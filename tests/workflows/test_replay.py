"""Histories of live runs must replay with the code as it is now, or a deploy would leave those runs stuck."""

from __future__ import annotations

from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, WorkflowRunner
from temporalio.worker import UnsandboxedWorkflowRunner as Unsandboxed
from temporalio.workflow import NondeterminismError

from tests.histories.record import HISTORIES
from workflows import steps
from workflows.data_converter import data_converter
from workflows.hosting import sandboxed
from workflows.registry import registry
from workflows.replaying import job_replayer

RECORDED = sorted(HISTORIES.glob("*/*.json"))


def replayer(runner: WorkflowRunner) -> Replayer:
    return job_replayer(registry, data_converter, runner=runner)


def history(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(f"{path.parent.name}/{path.stem}", path.read_text())


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: f"{path.parent.name}-{path.stem}")
@pytest.mark.parametrize("runner", [sandboxed(), Unsandboxed()], ids=["sandboxed", "as in production"])
async def test_a_recorded_history_replays(path: Path, runner: WorkflowRunner) -> None:
    await replayer(runner).replay_workflow(history(path))


def test_both_branches_of_a_step_are_recorded_for_every_kind() -> None:
    for kind in registry:
        texts = [path.read_text() for path in RECORDED if path.parent.name == kind.name]
        if kind.policy.heartbeat is None:  # else it is long, and regular from the start
            assert any("EVENT_TYPE_ACTIVITY_TASK_SCHEDULED" not in text for text in texts), f"{kind.name}: done at once"
        assert any("EVENT_TYPE_ACTIVITY_TASK_SCHEDULED" in text for text in texts), f"{kind.name}: retried"


async def test_a_change_of_commands_does_not_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "run", steps.run_regular)
    at_once = next(path for path in RECORDED if path.stem == "done-at-once")

    with pytest.raises(NondeterminismError):
        await replayer(Unsandboxed()).replay_workflow(history(at_once))
