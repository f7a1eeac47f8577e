"""Makes workers, and replayers of recorded histories: for `worker.py`, `jobs replay` and a team's own tests."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.converter import DataConverter
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.worker import (
    PollerBehaviorAutoscaling,
    Replayer,
    UnsandboxedWorkflowRunner,
    Worker,
    WorkerDeploymentConfig,
    WorkflowRunner,
)
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.dead_letters import DeadLetterActivities
from activities.interceptor import RetryInterceptor, tell_attempt
from activities.pace import PaceInterceptor
from domain.dead_letters import DeadLetterRepository
from workflows.data_converter import JobPayloadConverter
from workflows.interceptor import JobInterceptor, announce
from workflows.kinds import policies_of
from workflows.pausing import Pauses
from workflows.registry import Kind

PASSED_THROUGH = (
    "activities",  # named in workflows only to say which step to run
    "domain",  # plain data, the same inside and outside
    "pydantic",  # importing it anew for each run would cost more than the run
    "pydantic_core",
    "annotated_types",
    "workflows.data_converter",  # runs outside the workflow's own code
    "workflows.dead_letters",  # a part of the interceptor
    "workflows.interceptor",  # looks at the clock for metrics
    "workflows.pausing",  # looks at what is paused, which the worker keeps
    "workflows.progress",  # keeps what a query is answered with
    "workflows.scheduling",  # reads what Temporal tells of a run; the interceptor does too
    "workflows.steps",  # finds the policies that the interceptor has set
)
"""Modules that workflows share with their worker instead of importing them anew for each run, and why."""

UNVERSIONED = WorkerDeploymentConfig(WorkerDeploymentVersion("", "unversioned"), use_worker_versioning=False)
"""For a worker without a version. Without a build id, the SDK hashes the code of all modules: a second of CPU."""


class MissingPort(Exception):
    """An activities class asks for a port that nobody provides."""


def job_worker(
    client: Client,
    queue: str,
    kinds: Iterable[Kind],
    ports: Mapping[type, object],
    *,
    drain: timedelta = timedelta(seconds=30),
    sandbox: bool = True,
    draw: Callable[[float, float], float] | None = None,
    passed_through: Sequence[str] = (),
    rate: float | None = None,
    version: WorkerDeploymentVersion | None = None,
    pauses: Pauses | None = None,
    **options: Any,
) -> Worker:
    """Make a worker for the kinds of one queue.

    `client` must be made with `workflows.data_converter.data_converter`. `drain` is how long running activities may go
    on once the worker is told to stop. `sandbox` has the SDK watch the workflows for code that cannot be replayed, at
    a quarter of the worker's CPU time: for tests. `draw` replaces `random.uniform` for the waits. `passed_through`
    names further modules for the sandbox; `options` go to `temporalio.worker.Worker`. `rate` is how many attempts of
    steps may begin a second. A worker of a `version` gets jobs only once Temporal is told that it is the current one.
    `pauses`: what is paused, kept up to date by a `PauseWatch`; without it nothing is.
    Runs that fail are recorded by the port `DeadLetterRepository`; without it they are not, and the log says so once.

    Raises MissingPort where an activities class asks for a port that isn't in `ports`, TypeError where the client has
    another data converter.
    """
    if not issubclass(client.data_converter.payload_converter_class, JobPayloadConverter):
        raise TypeError("connect the client with data_converter=workflows.data_converter.data_converter")
    chosen = [kind for kind in kinds if kind.queue == queue]
    policies = policies_of(chosen)
    names = {name: kind.name for kind in chosen for name in kind.workflow_types}
    activity.logger.base_logger.addFilter(tell_attempt)
    runtime = client.service_client.config.runtime or Runtime.default()
    for kind in chosen:
        announce(runtime.metric_meter, namespace=client.namespace, kind=kind)
    return Worker(
        client,
        task_queue=queue,
        workflows=[workflow for kind in chosen for workflow in kind.workflows()],
        activities=[
            *(method for kind in chosen for method in bound_steps(kind, ports)),
            # Always there: what a failing run commands must not depend on how its worker was made.
            DeadLetterActivities(typing.cast("DeadLetterRepository | None", ports.get(DeadLetterRepository))).record,
        ],
        interceptors=[
            JobInterceptor(policies, pauses),
            RetryInterceptor(policies, names, **({"draw": draw} if draw else {})),
            # Inside of the retries: an attempt that waits for its turn runs already, as the server counts.
            *([PaceInterceptor(rate, policies)] if rate else []),
        ],
        deployment_config=UNVERSIONED if version is None else versioned(version),
        workflow_runner=sandboxed(passed_through) if sandbox else UnsandboxedWorkflowRunner(),
        graceful_shutdown_timeout=drain,
        **{
            "workflow_task_poller_behavior": PollerBehaviorAutoscaling(),
            "activity_task_poller_behavior": PollerBehaviorAutoscaling(),
            # With the answer to a heartbeat an attempt hears that its job was cancelled.
            "max_heartbeat_throttle_interval": timedelta(seconds=2),
            **options,
        },
    )


def job_replayer(kinds: Iterable[Kind], converter: DataConverter, *, runner: WorkflowRunner | None = None) -> Replayer:
    """A replayer that does with a run's history what `job_worker` does with the run.

    `converter` is that of the client whose runs they are. `runner`: without one, workflows run as in production.
    """
    known = list(kinds)
    return Replayer(
        workflows=[workflow for kind in known for workflow in kind.workflows()],
        data_converter=converter,
        interceptors=[JobInterceptor(policies_of(known))],
        workflow_runner=runner or UnsandboxedWorkflowRunner(),
        # Its own log goes to stdout, and the result has each failure too.
        runtime=Runtime(telemetry=TelemetryConfig(logging=None)),
    )


def versioned(version: WorkerDeploymentVersion) -> WorkerDeploymentConfig:
    """How a worker of a version of a worker deployment takes jobs.

    Those that are under way move to the current version with their next task, unless their workflow says otherwise
    (`@workflow.defn(versioning_behavior=VersioningBehavior.PINNED)`).
    """
    return WorkerDeploymentConfig(
        version, use_worker_versioning=True, default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE
    )


def sandboxed(passed_through: Sequence[str] = ()) -> SandboxedWorkflowRunner:
    """The SDK's sandbox, with what workflows share with their worker passed through."""
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH, *passed_through)
    return SandboxedWorkflowRunner(restrictions=restrictions)


def bound_steps(kind: Kind, ports: Mapping[type, object]) -> list[Callable[..., Any]]:
    """Make the kind's activities with the ports that its constructor asks for, told by their types.

    Raises MissingPort.
    """
    available = {**(kind.ports() if kind.ports else {}), **ports}
    wanted = kind.ports_asked()
    for name, port in wanted.items():
        if port not in available:
            raise MissingPort(
                f"{kind.activities.__name__} asks for {name}: {getattr(port, '__name__', port)}, which no adapter "
                f"provides: add one in worker.py, or give the kind's row its own `ports`"
            )
    instance = kind.activities(**{name: available[port] for name, port in wanted.items()})
    return [getattr(instance, method.__name__) for method in kind.steps().values()]
