"""Which version of the workers a redriven run goes to, where runs stay with the version that began them.

Most go to the current one. A run that is pinned goes on in its own version, as long as that has jobs or may get some.
A version that is drained has none, and its workers may be gone: a run that is redriven then would wait for them for
ever, so it goes with the current one.
"""

from __future__ import annotations

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.enums.v1 import VersioningBehavior, WorkerDeploymentVersionStatus
from temporalio.api.workflow.v1 import PostResetOperation, VersioningOverride, WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import DescribeWorkerDeploymentVersionRequest
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.service import RPCError, RPCStatusCode

from starter.connection import RPC_TIMEOUT, explain, reached


def pinned_to(described: WorkflowExecutionDescription) -> WorkerDeploymentVersion | None:
    """The version that a run stays with, by its kind or by an operator's override; None for most."""
    versioning = described.raw_description.workflow_execution_info.versioning_info
    if versioning.HasField("versioning_override"):
        override = versioning.versioning_override
        return override.pinned.version if override.HasField("pinned") else None
    pinned = versioning.behavior == VersioningBehavior.VERSIONING_BEHAVIOR_PINNED
    return versioning.deployment_version if pinned else None


async def after_reset(client: Client, version: WorkerDeploymentVersion | None) -> list[PostResetOperation]:
    """What is to be done with the run that a reset makes of one that is pinned to this version.

    Raises TemporalUnreachable, NotAuthorised, UnknownNamespace.
    """
    if version is None or not await _is_drained(client, version):
        return []
    options = WorkflowExecutionOptions(versioning_override=VersioningOverride(auto_upgrade=True))
    update = PostResetOperation.UpdateWorkflowOptions(
        workflow_execution_options=options, update_mask=FieldMask(paths=["versioning_override"])
    )
    return [PostResetOperation(update_workflow_options=update)]


async def _is_drained(client: Client, version: WorkerDeploymentVersion) -> bool:
    """Whether no job is in the version any more; so too where Temporal has forgotten it."""
    request = DescribeWorkerDeploymentVersionRequest(namespace=client.namespace, deployment_version=version)
    try:
        async with reached(client):
            answer = await client.workflow_service.describe_worker_deployment_version(
                request, retry=True, timeout=RPC_TIMEOUT
            )
    except RPCError as exc:
        if exc.status is RPCStatusCode.NOT_FOUND and "namespace" not in exc.message.lower():
            return True
        raise explain(exc, client) from exc
    drained = WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED
    return answer.worker_deployment_version_info.status == drained
