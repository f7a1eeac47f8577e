"""Code of versions that run pinned jobs, and a client that looks at a version a moment too early."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from temporalio import workflow
from temporalio.api.enums.v1 import WorkerDeploymentVersionStatus as Status
from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentVersionRequest,
    DescribeWorkerDeploymentVersionResponse,
)
from temporalio.client import Client
from temporalio.common import VersioningBehavior

from activities.order_confirmation import OrderConfirmationActivities
from domain.errors import InvalidRequest, ServiceUnavailable
from domain.mail import Mail
from domain.order_confirmation import OrderConfirmationRequest
from domain.outcomes import Done, Outcome
from tests.fakes import FakeMail
from workflows import steps
from workflows.registry import registry


def job(order_id: int) -> OrderConfirmationRequest:
    return OrderConfirmationRequest(order_id=order_id)


@workflow.defn(name="OrderConfirmation", versioning_behavior=VersioningBehavior.PINNED)
class Pinned:
    """A confirmation that stays with its version."""

    @workflow.run
    async def run(self, request: OrderConfirmationRequest) -> Outcome:
        return Done(reference=(await steps.run(OrderConfirmationActivities.confirm, request)).delivery_key)


PINNED = replace(registry.get("order-confirmation"), workflow=Pinned)


class SlowMail(FakeMail):
    """Of the second version. Two jobs' mails are refused, then under way until a test lets them be refused once more.

    The third attempt goes to the workers of whichever version the job is in by then: here the first job's fails.
    """

    def __init__(self) -> None:
        super().__init__()
        self.under_way: asyncio.Queue[str] = asyncio.Queue()
        self.goes_on = asyncio.Event()

    async def send(self, mail: Mail) -> str:
        if mail.delivery_key in (job(1).workflow_id, job(4).workflow_id):
            match sum(before.delivery_key == mail.delivery_key for before in self.attempts):
                case 0:
                    self.attempts.append(mail)
                    raise ServiceUnavailable("Busy.")
                case 1:
                    self.attempts.append(mail)
                    self.under_way.put_nowait(mail.delivery_key)
                    await self.goes_on.wait()
                    raise ServiceUnavailable("Busy.")
                case _ if mail.delivery_key == job(1).workflow_id:
                    raise InvalidRequest("No such recipient.")
        return await super().send(mail)


class DrainedMeanwhile:
    """A client whose first look at a version is a moment before that is drained."""

    def __init__(self, client: Client) -> None:
        self._of = client
        self.workflow_service = self
        self.looks = 0

    def __getattr__(self, name: str) -> Any:  # whatever else is asked of a client or of its service
        return getattr(self._of if hasattr(self._of, name) else self._of.workflow_service, name)

    async def describe_worker_deployment_version(
        self,
        request: DescribeWorkerDeploymentVersionRequest,
        **options: Any,  # the SDK's
    ) -> DescribeWorkerDeploymentVersionResponse:
        told = await self._of.workflow_service.describe_worker_deployment_version(request, **options)
        self.looks += 1
        if self.looks == 1:
            told.worker_deployment_version_info.status = Status.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING
        return told
