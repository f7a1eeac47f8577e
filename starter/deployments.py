"""Which version of a worker deployment takes jobs, and what a worker process of one version does about that.

Jobs that Temporal hands out go to the current version, or a share of them to the ramping one. A start that is eager
goes past that: the server gives its first task to the worker that shares the starter's client, whatever version that
is. So the relay in a worker's process starts eagerly only while that worker's version takes all jobs anyway.
"""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import NoReturn

from temporalio.api.enums.v1 import VersionDrainageStatus
from temporalio.api.workflowservice.v1 import DescribeWorkerDeploymentRequest
from temporalio.client import Client

from starter.connection import RPC_TIMEOUT, found
from starter.errors import StarterError

_log = logging.getLogger(__name__)


class Standing(StrEnum):
    """How a version stands among those of its deployment."""

    current = "current"
    """Takes new jobs, and those of other versions that go on."""
    ramping = "ramping"
    """Takes a share of them."""
    waiting = "waiting"
    """Has taken none yet."""
    unknown = "unknown"
    """Temporal has not heard of it: it does with the first poll, and refuses its name in commands until then."""
    draining = "draining"
    """Took jobs before; some that are bound to it still run."""
    drained = "drained"
    """Took jobs before; none that is bound to it runs any more."""


_OF_DRAINAGE = {
    VersionDrainageStatus.VERSION_DRAINAGE_STATUS_DRAINING: Standing.draining,
    VersionDrainageStatus.VERSION_DRAINAGE_STATUS_DRAINED: Standing.drained,
}
_SENTENCES = {
    Standing.current: "This version gets jobs",
    Standing.ramping: "This version gets jobs",
    Standing.waiting: "This version gets no jobs yet",
    Standing.draining: "This version gets no more jobs",
    Standing.drained: "This version gets no more jobs",
}


@dataclass(frozen=True)
class Version:
    """One version of a worker deployment."""

    deployment: str
    build_id: str

    def __str__(self) -> str:
        return f"{self.deployment} {self.build_id}"

    @property
    def remedy(self) -> str:
        """The command that has Temporal give it jobs."""
        return (
            f"temporal worker deployment set-current-version --deployment-name {self.deployment} "
            f"--build-id {self.build_id}"
        )


@dataclass(frozen=True)
class Routing:
    """Where jobs go, as seen by one version."""

    standing: Standing
    current: str | None = None
    """Build id of the current version; None if there is none."""
    ramp: float = 0
    """Percentage of jobs that go to the ramping version."""


class DeploymentWatch:
    """Keeps what one process knows of its version's standing, and logs each change."""

    def __init__(self, client: Client, version: Version, *, every: timedelta = timedelta(seconds=5)) -> None:
        """`every`: how often to look; for this long after a change, eager starts may still go the old way."""
        self._client = client
        self._version = version
        self._every = every.total_seconds()
        self._seen: Routing | None = None

    @property
    def takes_all(self) -> bool:
        """Whether every job goes to this version; false if that is not known."""
        return self._seen is not None and self._seen.standing is Standing.current and not self._seen.ramp

    async def keep_up(self) -> NoReturn:
        """Look again and again, until cancelled."""
        while True:
            await self.look()
            unknown = self._seen is not None and self._seen.standing is Standing.unknown
            # Sooner if Temporal is about to hear of it; spread over time, since there are many processes.
            wait = self._every / 10 if unknown else self._every
            await asyncio.sleep(wait * random.uniform(0.75, 1.25))  # noqa: S311  # nothing secret

    async def look(self) -> None:
        """Look once. If Temporal does not answer, nothing is known until it does."""
        before, self._seen = self._seen, None
        try:
            seen = self._seen = await routing_of(self._client, self._version)
        except StarterError as exc:
            _log.debug("Which version takes jobs is not known", extra={"error": str(exc)})
            return
        if before == seen or seen.standing is Standing.unknown:
            return
        version, waits = self._version, seen.standing is Standing.waiting
        about = {
            "action": "deployment",
            "deployment": version.deployment,
            "build_id": version.build_id,
            "standing": seen.standing,
            "current": seen.current,
            "ramping_percentage": seen.ramp,
            **({"remedy": version.remedy} if waits else {}),
        }
        shared = seen.standing is Standing.current and seen.ramp
        sentence = "A share of the jobs goes to the ramping version" if shared else _SENTENCES[seen.standing]
        _log.log(logging.WARNING if waits else logging.INFO, sentence, extra=about)

    async def report(self) -> str:
        """Probe for a `Need`. Met whatever it finds: a version that waits has to be up before it can be made current.

        Raises a StarterError if Temporal does not answer.
        """
        return describe(self._version, await routing_of(self._client, self._version))


async def routing_of(client: Client, version: Version) -> Routing:
    """Where jobs go. Raises TemporalUnreachable, NotAuthorised, UnknownNamespace."""
    request = DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=version.deployment)
    deployment = await found(client, client.workflow_service.describe_worker_deployment(request, timeout=RPC_TIMEOUT))
    if deployment is None:
        return Routing(Standing.unknown)
    info = deployment.worker_deployment_info
    config, known = info.routing_config, {each.deployment_version.build_id: each for each in info.version_summaries}
    current = config.current_deployment_version.build_id or None
    if current == version.build_id:
        standing = Standing.current
    elif config.ramping_deployment_version.build_id == version.build_id:
        standing = Standing.ramping
    elif version.build_id not in known:
        standing = Standing.unknown
    else:
        standing = _OF_DRAINAGE.get(known[version.build_id].drainage_info.status, Standing.waiting)
    return Routing(standing, current, config.ramping_version_percentage)


def describe(version: Version, routing: Routing) -> str:
    """One sentence for operators."""
    instead = f"{version.deployment} {routing.current} does" if routing.current else "no version does"
    match routing.standing:
        case Standing.current:
            share = f"; {routing.ramp:g} % of the jobs go to the ramping one" if routing.ramp else ""
            return f"{version} is the current version{share}."
        case Standing.ramping:
            return f"{version} is the ramping version: it gets {routing.ramp:g} % of the jobs."
        case Standing.waiting | Standing.unknown:
            return f"{version} gets no jobs yet ({instead}). To give it jobs: `{version.remedy}`"
        case _:
            return f"{version} gets no more jobs ({instead}); it is {routing.standing}."
