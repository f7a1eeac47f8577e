"""Replays recorded histories with the workflows of this code: what live runs will meet when it is deployed."""

from __future__ import annotations

from collections.abc import Iterable

from temporalio.converter import DataConverter
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, WorkflowRunner

from workflows.interceptor import JobInterceptor
from workflows.kinds import policies_of
from workflows.registry import Kind


def job_replayer(kinds: Iterable[Kind], converter: DataConverter, *, runner: WorkflowRunner | None = None) -> Replayer:
    """A replayer that does with a run's history what `workflows.hosting.job_worker` does with the run.

    `converter` is that of the client whose runs they are. `runner`: without one, workflows run as in production.
    """
    known = list(kinds)
    return Replayer(
        workflows=[workflow for kind in known for workflow in kind.workflows()],
        data_converter=converter,
        interceptors=[JobInterceptor(policies_of(known))],
        workflow_runner=runner or UnsandboxedWorkflowRunner(),
        # Its own log goes to stdout, and says of each failure what the result says too.
        runtime=Runtime(telemetry=TelemetryConfig(logging=None)),
    )
