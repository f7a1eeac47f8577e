"""Redrives dead letters: resumes their jobs at the failed step, or runs them again; one, or many at a limited rate."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from google.protobuf.field_mask_pb2 import FieldMask
from pydantic import ValidationError
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflow.v1 import PostResetOperation, VersioningOverride, WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import DescribeWorkerDeploymentRequest, ResetWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.dead_letters import Audit, DeadLetter, DeadLetterRepository, DeadLetterState, Move
from domain.encryption_keys import WHERE
from domain.requests import JobRequest
from starter.connection import RPC_TIMEOUT, explained, found, is_absent
from starter.dead_letters.plan import RedrivePlan, Verdict, is_still_dead, plan_redrive
from starter.dead_letters.reset_point import ResetPoint
from starter.errors import InvalidStart, NotSetUp
from starter.relay import Rate
from starter.starting import start_workflow
from workflows.registry import Kind, Registry

MAX_CONCURRENCY = 24
"""Dead letters that are planned or redriven at the same time: a reset takes some tens of milliseconds."""

_OF_THIS_RUN = (RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.FAILED_PRECONDITION)
"""Temporal's answers if it cannot reset this one run, beside that the run is absent."""


class Result(StrEnum):
    """The result of a redrive: a closed set."""

    resumed = "resumed"
    restarted = "restarted"
    skipped = "skipped"


@dataclass(frozen=True)
class Redriven:
    """What became of one dead letter. If it was skipped or refused, its plan says why."""

    plan: RedrivePlan
    result: Result | None
    """None if it was refused."""
    run_id: str | None = None
    """Of the new run."""


class Redriver:
    """Redrives dead letters. Several may do so at once, and each may be killed at any moment: no run is redriven twice.

    A dead letter is moved to `redriven` before its job continues. If the process is killed in between, the job is as
    dead as before; the sweep opens the dead letter again, or an operator does.
    """

    def __init__(self, client: Client, letters: DeadLetterRepository, kinds: Registry, audit: Audit) -> None:
        """`audit` says who redrives, and why."""
        self.client = client
        self._letters = letters
        self._kinds = kinds
        self._audit = audit

    async def plan(self, letter: DeadLetter) -> RedrivePlan:
        """What a redrive would do. Raises TemporalUnreachable, NotAuthorised, UnknownNamespace."""
        return await plan_redrive(self.client, letter, self._kinds)

    async def resume(self, plan: RedrivePlan) -> Redriven:
        """Resume a job at the failed step, if there is something to resume.

        The plan may be old. Raises InvalidStart if Temporal refuses the reset; TemporalUnreachable, NotAuthorised,
        UnknownNamespace, `TransientError`s.
        """
        if plan.verdict is not Verdict.resume or plan.point is None:
            return Redriven(plan, Result.skipped)
        if not await self._claim(plan.letter):
            return _taken(plan)
        if not await is_still_dead(self.client, plan.letter):
            return await self._recovered(plan)
        try:
            return Redriven(plan, Result.resumed, await self._reset(plan, plan.point))
        except InvalidStart as exc:
            await self._release(plan.letter, str(exc))
            raise

    async def restart(self, plan: RedrivePlan, request: JobRequest | None = None) -> Redriven:
        """Run the whole job again under its id, with its own request or a corrected one.

        Raises InvalidStart if the recorded request does not fit its kind any more, or the corrected one belongs to
        another job; NotSetUp, and what `resume` raises.
        """
        if not plan.doable(restart=True):
            return Redriven(plan, Result.skipped)
        kind, wanted = self.request_for(plan.letter, request)
        if not await self._claim(plan.letter):
            return _taken(plan)
        try:
            # Refused if a run of the job is running or has completed.
            started = await start_workflow(self.client, kind, wanted, anew=True)
        except (InvalidStart, NotSetUp) as exc:
            await self._release(plan.letter, str(exc))
            raise
        if not started.now:
            return await self._recovered(plan)
        return Redriven(plan, Result.restarted, started.run_id)

    def request_for(self, letter: DeadLetter, request: JobRequest | None = None) -> tuple[Kind, JobRequest]:
        """The kind and the request with which a job would run again. Raises InvalidStart."""
        kind, wanted = self._own_request(letter) if request is None else (self._kinds.of(request), request)
        if wanted.workflow_id != letter.workflow_id:
            raise InvalidStart(
                f"With this input it would be another job, {wanted.workflow_id}: start that by "
                f"`jobs start {kind.name}`, and discard letter {letter.id}."
            )
        return kind, wanted

    def _own_request(self, letter: DeadLetter) -> tuple[Kind, JobRequest]:
        job = letter.workflow_id
        if letter.request is None and letter.undecryptable is not None:
            raise InvalidStart(
                f"The request of {job} is encrypted under the key {letter.undecryptable!r}: run `jobs dead sweep` with "
                f"that key in {WHERE}; or redrive without --restart, which needs no request."
            )
        if letter.request is None:
            raise InvalidStart(f"The input of {job} was no request of its kind: give a corrected one by --input FILE.")
        try:
            kind = self._kinds.get(letter.kind)
            return kind, kind.request.model_validate_json(json.dumps(letter.request))
        except LookupError as exc:
            raise InvalidStart(f"{job} cannot be run anew: {exc.args[0]}.") from exc
        except ValidationError as exc:
            raise InvalidStart(
                f"The request of {job} does not fit its kind any more ({exc.error_count()} problems): give a corrected "
                f"one by --input FILE."
            ) from None

    async def _reset(self, plan: RedrivePlan, point: ResetPoint) -> str:
        """Returns the new run's id."""
        letter = plan.letter
        request = ResetWorkflowExecutionRequest(
            namespace=self.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=letter.workflow_id, run_id=letter.run_id),
            reason=f"Redriven: dead letter {letter.id}",
            workflow_task_finish_event_id=point.event_id,
            request_id=str(uuid.uuid4()),
            identity=self._audit.by,
            post_reset_operations=[]
            if plan.pinned_in is None
            else await to_current_version(self.client, plan.pinned_in),
        )
        async with explained(self.client):
            try:
                # Not retried if the answer is lost: Temporal would make another run, whatever the request's id.
                answer = await self.client.workflow_service.reset_workflow_execution(request, timeout=RPC_TIMEOUT)
            except RPCError as exc:
                if is_absent(exc) or exc.status in _OF_THIS_RUN:
                    raise InvalidStart(f"Temporal does not resume {letter.workflow_id}: {exc.message[:200]}") from exc
                raise
        return answer.run_id

    async def _claim(self, letter: DeadLetter) -> bool:
        return bool(await self._letters.move([letter.id], Move.redrive, self._audit))

    async def _release(self, letter: DeadLetter, why: str) -> None:
        acknowledged = letter.state is DeadLetterState.acknowledged
        audit = self._audit.model_copy(update={"note": f"Not redriven: {why}"[:1000]})
        await self._letters.move([letter.id], Move.release_acknowledged if acknowledged else Move.release, audit)

    async def _recovered(self, plan: RedrivePlan) -> Redriven:
        why = "The job has continued in the meantime."
        await self._release(plan.letter, why)
        return Redriven(replace(plan, verdict=Verdict.not_dead, why=why, point=None), Result.skipped)


async def to_current_version(client: Client, deployment: str) -> list[PostResetOperation]:
    """Pin the new run of a pinned one to the version that is current now, and has the workers and the fixed code.

    Raises TemporalUnreachable, NotAuthorised, UnknownNamespace.
    """
    request = DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=deployment)
    known = await found(client, client.workflow_service.describe_worker_deployment(request, timeout=RPC_TIMEOUT))
    # Without a current version, the workers have no versions any more, or belong to another deployment.
    override = VersioningOverride(auto_upgrade=True)
    if known is not None and known.worker_deployment_info.routing_config.HasField("current_deployment_version"):
        pinned = VersioningOverride.PinnedOverride(
            behavior=VersioningOverride.PINNED_OVERRIDE_BEHAVIOR_PINNED,
            version=known.worker_deployment_info.routing_config.current_deployment_version,
        )
        override = VersioningOverride(pinned=pinned)
    change = PostResetOperation.UpdateWorkflowOptions(
        workflow_execution_options=WorkflowExecutionOptions(versioning_override=override),
        update_mask=FieldMask(paths=["versioning_override"]),
    )
    return [PostResetOperation(update_workflow_options=change)]


def _taken(plan: RedrivePlan) -> Redriven:
    why = "Another redrive has taken it."
    return Redriven(replace(plan, verdict=Verdict.settled, why=why, point=None), Result.skipped)


async def plan_all(
    letters: AsyncIterator[DeadLetter], redriver: Redriver, on_progress: Callable[[], None]
) -> list[RedrivePlan]:
    """Plan the redrive of each dead letter; changes nothing."""
    plans: list[RedrivePlan] = []

    async def one(letter: DeadLetter) -> None:
        plans.append(await redriver.plan(letter))
        on_progress()

    await _concurrently(letters, one)
    return sorted(plans, key=lambda plan: plan.letter.id)


async def redrive_all(
    letters: AsyncIterator[DeadLetter],
    redriver: Redriver,
    *,
    rate: int,
    restart: bool = False,
    request: JobRequest | None = None,
    on_progress: Callable[[Redriven], None],
) -> None:
    """Redrive each dead letter that can be, at most `rate` per second. Safe to cancel, and to call again.

    `restart` runs whole jobs again. Raises what concerns all dead letters, such as Temporal or the database being away.
    """
    # The burst makes up for a moment of slowness.
    pace = Rate(rate, burst=max(1, rate // 2))

    async def redrive(plan: RedrivePlan) -> None:
        try:
            done = await (redriver.restart(plan, request) if restart else redriver.resume(plan))
        except InvalidStart as exc:
            done = Redriven(replace(plan, why=str(exc)), None)
        on_progress(done)

    async def one(letter: DeadLetter) -> None:
        plan = await redriver.plan(letter)
        if not plan.doable(restart=restart):
            on_progress(Redriven(plan, Result.skipped))
            return
        await pace.pass_one()
        redriving = asyncio.ensure_future(redrive(plan))
        try:
            await asyncio.shield(redriving)
        except asyncio.CancelledError:
            await asyncio.wait([redriving])  # or a claimed dead letter would stay without a restart
            raise

    await _concurrently(letters, one)


async def _concurrently(letters: AsyncIterator[DeadLetter], do: Callable[[DeadLetter], Awaitable[None]]) -> None:
    """Call it with each, several at a time; the first error ends all."""
    turn = asyncio.Lock()

    async def worker() -> None:
        while True:
            async with turn:
                letter = await anext(letters, None)
            if letter is None:
                return
            await do(letter)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(MAX_CONCURRENCY):
                group.create_task(worker())
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None
