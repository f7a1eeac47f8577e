"""Which worker version a redriven run goes to, if runs stay with the version that began them.

Most go to the current one. A pinned run continues in its own version, as long as that has jobs. A drained version has
none, and its workers may be gone: the run is pinned to the current version instead, and does not change it later.
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

from starter.connection import RPC_TIMEOUT
from starter.history import found

_MASK = FieldMask(paths=["versioning_override"])


def pinned_to(
    described: WorkflowExecutionDescription, events: Sequence[HistoryEvent], reset_to: int
) -> WorkerDeploymentVersion | None:
    """The version that a run stays with if it is reset to this WorkflowTaskCompleted event; None for most."""
    versioning = described.raw_description.workflow_execution_info.versioning_info
    if versioning.HasField("versioning_override"):
        override = versioning.versioning_override
        return override.pinned.version if override.HasField("pinned") else None
    done = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    if not any(event.event_type == done for event in events if event.event_id < reset_to):
        # Nothing is done yet: the current version takes it, unless it inherited one from another run.
        began = events[0].workflow_execution_started_event_attributes
        return began.inherited_pinned_version if began.HasField("inherited_pinned_version") else None
    pinned = versioning.behavior == VersioningBehavior.VERSIONING_BEHAVIOR_PINNED
    return versioning.deployment_version if pinned else None


async def replacement(client: Client, version: WorkerDeploymentVersion | None) -> WorkflowExecutionOptions | None:
    """Options that pin a run to the current version, if this one is drained or forgotten; else None.

    Raises TemporalUnreachable, NotAuthorised, UnknownNamespace.
    """
    if version is None:
        return None
    service = client.workflow_service
    asked = DescribeWorkerDeploymentVersionRequest(namespace=client.namespace, deployment_version=version)
    known = await found(client, service.describe_worker_deployment_version(asked, retry=True, timeout=RPC_TIMEOUT))
    drained = WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED
    if known is not None and known.worker_deployment_version_info.status != drained:
        return None
    request = DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=version.deployment_name)
    deployment = await found(client, service.describe_worker_deployment(request, retry=True, timeout=RPC_TIMEOUT))
    if deployment is not None:
        routing = deployment.worker_deployment_info.routing_config
        if routing.HasField("current_deployment_version"):
            pinned = VersioningOverride.PinnedOverride(
                behavior=VersioningOverride.PINNED_OVERRIDE_BEHAVIOR_PINNED, version=routing.current_deployment_version
            )
            return WorkflowExecutionOptions(versioning_override=VersioningOverride(pinned=pinned))
    # The workers have no versions any more, or belong to another deployment.
    return WorkflowExecutionOptions(versioning_override=VersioningOverride(auto_upgrade=True))


def after_reset(options: WorkflowExecutionOptions | None) -> list[PostResetOperation]:
    """Has a reset give the new run these options."""
    if options is None:
        return []
    change = PostResetOperation.UpdateWorkflowOptions(workflow_execution_options=options, update_mask=_MASK)
    return [PostResetOperation(update_workflow_options=change)]


async def move_run(client: Client, run: WorkflowExecution, options: WorkflowExecutionOptions) -> None:
    """Give a run these options, unless it has ended. Raises TemporalUnreachable, NotAuthorised, UnknownNamespace."""
    request = UpdateWorkflowExecutionOptionsRequest(
        namespace=client.namespace, workflow_execution=run, workflow_execution_options=options, update_mask=_MASK
    )
    service = client.workflow_service
    await found(client, service.update_workflow_execution_options(request, retry=True, timeout=RPC_TIMEOUT))
