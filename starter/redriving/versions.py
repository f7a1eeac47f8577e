"""Which version of the workers a redriven run goes to, where runs stay with the version that began them.

Most go to the current one. A run that is pinned goes on in its own version, as long as that has jobs or may get some.
A version that is drained has none, and its workers may be gone: a run that is redriven then would wait for them for
ever, so it is pinned to the current one instead: its kind is not to change versions on its way.
"""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.enums.v1 import EventType, VersioningBehavior, WorkerDeploymentVersionStatus
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflow.v1 import PostResetOperation, VersioningOverride, WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentRequest,
    DescribeWorkerDeploymentVersionRequest,
    UpdateWorkflowExecutionOptionsRequest,
)
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.service import RPCError, RPCStatusCode

from starter.connection import RPC_TIMEOUT, explain, reached

_MASK = FieldMask(paths=["versioning_override"])


def pinned_to(
    described: WorkflowExecutionDescription, events: Sequence[HistoryEvent], reset_to: int
) -> WorkerDeploymentVersion | None:
    """The version that a run stays with where it is reset to the task that ended with this event; None for most."""
    versioning = described.raw_description.workflow_execution_info.versioning_info
    if versioning.HasField("versioning_override"):
        override = versioning.versioning_override
        return override.pinned.version if override.HasField("pinned") else None
    done = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    if not any(event.event_type == done for event in events if event.event_id < reset_to):
        # Nothing is done yet: the current version takes it, unless the run it came from handed its own on.
        began = events[0].workflow_execution_started_event_attributes
        return began.inherited_pinned_version if began.HasField("inherited_pinned_version") else None
    pinned = versioning.behavior == VersioningBehavior.VERSIONING_BEHAVIOR_PINNED
    return versioning.deployment_version if pinned else None


async def after_reset(client: Client, version: WorkerDeploymentVersion | None) -> list[PostResetOperation]:
    """What is to be done with the run that a reset makes of one that is pinned to this version.

    Raises TemporalUnreachable, NotAuthorised, UnknownNamespace.
    """
    if version is None or not await _is_drained(client, version):
        return []
    update = PostResetOperation.UpdateWorkflowOptions(
        workflow_execution_options=await _elsewhere(client, version), update_mask=_MASK
    )
    return [PostResetOperation(update_workflow_options=update)]


async def move_if_left_behind(client: Client, made: WorkflowExecution, version: WorkerDeploymentVersion) -> None:
    """Move a run that a reset made, where its version is drained by now: it was not, just before the reset.

    Raises TemporalUnreachable, NotAuthorised, UnknownNamespace.
    """
    if not await _is_drained(client, version):
        return
    request = UpdateWorkflowExecutionOptionsRequest(
        namespace=client.namespace,
        workflow_execution=made,
        workflow_execution_options=await _elsewhere(client, version),
        update_mask=_MASK,
    )
    try:
        async with reached(client):
            await client.workflow_service.update_workflow_execution_options(request, retry=True, timeout=RPC_TIMEOUT)
    except RPCError as exc:
        if not _is_missing(exc):  # where it is, the run has ended, and is not waiting for anybody
            raise explain(exc, client) from exc


async def _elsewhere(client: Client, version: WorkerDeploymentVersion) -> WorkflowExecutionOptions:
    """Pins a run to the version that is current now, in place of this one."""
    request = DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=version.deployment_name)
    override = VersioningOverride(auto_upgrade=True)  # where workers have no versions any more, or another deployment
    try:
        async with reached(client):
            answer = await client.workflow_service.describe_worker_deployment(request, retry=True, timeout=RPC_TIMEOUT)
    except RPCError as exc:
        if not _is_missing(exc):
            raise explain(exc, client) from exc
    else:
        routing = answer.worker_deployment_info.routing_config
        if routing.HasField("current_deployment_version"):
            pinned = VersioningOverride.PinnedOverride(
                behavior=VersioningOverride.PINNED_OVERRIDE_BEHAVIOR_PINNED, version=routing.current_deployment_version
            )
            override = VersioningOverride(pinned=pinned)
    return WorkflowExecutionOptions(versioning_override=override)


async def _is_drained(client: Client, version: WorkerDeploymentVersion) -> bool:
    """Whether no job is in the version any more; so too where Temporal has forgotten it."""
    request = DescribeWorkerDeploymentVersionRequest(namespace=client.namespace, deployment_version=version)
    try:
        async with reached(client):
            answer = await client.workflow_service.describe_worker_deployment_version(
                request, retry=True, timeout=RPC_TIMEOUT
            )
    except RPCError as exc:
        if _is_missing(exc):
            return True
        raise explain(exc, client) from exc
    drained = WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED
    return answer.worker_deployment_version_info.status == drained


def _is_missing(exc: RPCError) -> bool:
    return exc.status is RPCStatusCode.NOT_FOUND and "namespace" not in exc.message.lower()
