"""Histories of live runs must replay with the code as it is now, or a deploy would leave those runs stuck."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, WorkflowRunner
from temporalio.worker import UnsandboxedWorkflowRunner as Unsandboxed
from temporalio.workflow import NondeterminismError

from tests.histories.record import HISTORIES
from tests.wire_source import classes
from workflows import steps
from workflows.data_converter import data_converter
from workflows.hosting import job_replayer, sandboxed
from workflows.registry import registry

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


@pytest.fixture
def renamed_classes() -> Iterator[None]:
    """Every class of the product has another name, in another module."""
    before = [(cls, cls.__name__, cls.__qualname__, cls.__module__) for cls in classes()]
    for cls, *_ in before:
        cls.__name__, cls.__qualname__, cls.__module__ = "Renamed", "Renamed", "elsewhere"
    yield
    for cls, name, qualname, module in before:
        cls.__name__, cls.__qualname__, cls.__module__ = name, qualname, module


@pytest.mark.usefixtures("renamed_classes")
async def test_histories_replay_wherever_classes_live_and_whatever_their_names_are() -> None:
    for path in {path.parent: path for path in RECORDED}.values():
        await replayer(Unsandboxed()).replay_workflow(history(path))


async def test_a_change_of_commands_does_not_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "run", steps.run_regular)
    at_once = next(path for path in RECORDED if path.stem == "done-at-once")

    with pytest.raises(NondeterminismError):
        await replayer(Unsandboxed()).replay_workflow(history(at_once))
