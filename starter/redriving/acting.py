"""Redrives one letter: resumes its job at the step that failed, or runs it anew."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from pydantic import ValidationError
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.dead_letters import WAITING, DeadLetters, Letter, LetterState, Moved
from domain.encryption_keys import WHERE
from domain.requests import JobRequest
from starter.connection import RPC_TIMEOUT, explain, reached
from starter.errors import InvalidStart, NotSetUp
from starter.redriving.looking import DOABLE, Prospect, Verdict, still_dead
from starter.redriving.point import ResetPoint
from starter.redriving.versions import after_reset, move_if_left_behind
from starter.starting import start_workflow
from workflows.registry import Kind, Registry

_AT_ONCE = 24
"""Jobs that are looked at at the same time."""

_ITS_OWN = (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.FAILED_PRECONDITION)
"""What Temporal answers where this one run cannot be reset."""


class Result(StrEnum):
    """What came of a redrive: a closed set."""

    resumed = "resumed"
    restarted = "restarted"
    skipped = "skipped"


@dataclass(frozen=True)
class Redriven:
    """What became of one letter."""

    prospect: Prospect
    result: Result
    run_id: str | None = None
    """Of the run that was made."""


class Redriver:
    """Redrives letters. Several may do so at once, and each may be killed at any moment: no run is redriven twice.

    A letter is moved to `redriven` before its job is told to go on. Where whoever did so is killed in between, the job
    is as dead as before, and the letter is to be opened again: see `open_unfinished`; the sweep does so too.
    """

    def __init__(self, client: Client, letters: DeadLetters, kinds: Registry, moved: Moved) -> None:
        """`moved` tells who redrives, and why."""
        self._client = client
        self._letters = letters
        self._kinds = kinds
        self._moved = moved

    async def resume(self, prospect: Prospect) -> Redriven:
        """Take a job up again at the step that failed, unless nothing is there to be taken up.

        `prospect` is what `look` has found, however long ago. Raises InvalidStart where Temporal refuses the reset;
        TemporalUnreachable, NotAuthorised, UnknownNamespace, `TransientError`s.
        """
        if prospect.verdict is not Verdict.resume or prospect.point is None:
            return Redriven(prospect, Result.skipped)
        letter = prospect.letter
        if not await self._claim(letter):
            return _skipped(prospect, Verdict.settled, "Somebody else is at it.")
        if not await still_dead(self._client, letter):
            await self._give_back(letter, "The job has come on meanwhile.")
            return _skipped(prospect, Verdict.not_dead, "The job has come on meanwhile.")
        try:
            return Redriven(prospect, Result.resumed, await self._reset(letter, prospect.point, prospect.version))
        except InvalidStart as exc:
            await self._give_back(letter, str(exc))
            raise

    async def restart(self, prospect: Prospect, request: JobRequest | None = None) -> Redriven:
        """Run the whole job anew under its id, with its own request or a corrected one.

        Raises InvalidStart where the recorded request is none of its kind by now, or the corrected one is another
        job's; what `resume` raises, and NotSetUp.
        """
        letter = prospect.letter
        if prospect.verdict not in DOABLE:
            return Redriven(prospect, Result.skipped)
        kind, wanted = self.request_for(letter, request)
        if not await self._claim(letter):
            return _skipped(prospect, Verdict.settled, "Somebody else is at it.")
        # Refused where a run of the job is running or has completed.
        try:
            started = await start_workflow(self._client, kind, wanted, anew=True)
        except (InvalidStart, NotSetUp) as exc:
            await self._give_back(letter, str(exc))
            raise
        if not started.now:
            await self._give_back(letter, "The job has come on meanwhile.")
            return _skipped(prospect, Verdict.not_dead, "The job has come on meanwhile.")
        return Redriven(prospect, Result.restarted, started.run_id)

    def request_for(self, letter: Letter, request: JobRequest | None = None) -> tuple[Kind, JobRequest]:
        """The kind and the request with which a letter's job would run anew. Raises InvalidStart."""
        kind, wanted = self._own_request(letter) if request is None else (self._kinds.of(request), request)
        if wanted.workflow_id != letter.run.workflow_id:
            raise InvalidStart(
                f"With this input it would be another job, {wanted.workflow_id}: start that by `{wanted.redrive}`, and "
                f"discard letter {letter.id}."
            )
        return kind, wanted

    def _own_request(self, letter: Letter) -> tuple[Kind, JobRequest]:
        run = letter.run
        if run.request is None and run.undecryptable is not None:
            raise InvalidStart(
                f"The request of {run.workflow_id} is encrypted under the key {run.undecryptable!r}, and nobody who "
                f"has it looked yet: run `jobs dead sweep` with that key in {WHERE}; or redrive without --restart, "
                f"which needs no request."
            )
        if run.request is None:
            raise InvalidStart(
                f"The input of {run.workflow_id} was no request of its kind: give a corrected one by --input FILE."
            )
        try:
            kind = self._kinds.get(run.kind)
            return kind, kind.request.model_validate_json(json.dumps(run.request))
        except LookupError as exc:
            raise InvalidStart(f"{run.workflow_id} cannot be run anew: {exc.args[0]}.") from exc
        except ValidationError as exc:
            raise InvalidStart(
                f"The request of {run.workflow_id} does not fit its kind any more ({exc.error_count()} problems): give "
                f"a corrected one by --input FILE."
            ) from None

    async def _reset(self, letter: Letter, point: ResetPoint, version: WorkerDeploymentVersion | None) -> str:
        """Returns the new run's id."""
        run = letter.run
        after = await after_reset(self._client, version)
        request = ResetWorkflowExecutionRequest(
            namespace=self._client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=run.workflow_id, run_id=run.run_id),
            reason=f"Redriven: dead letter {letter.id}",
            workflow_task_finish_event_id=point.event_id,
            request_id=str(uuid.uuid4()),
            identity=self._moved.by,
            post_reset_operations=after,
        )
        try:
            async with reached(self._client):
                # Not tried again where the answer is lost: Temporal would make another run, whatever the request's id.
                made = await self._client.workflow_service.reset_workflow_execution(request, timeout=RPC_TIMEOUT)
        except RPCError as exc:
            if exc.status in _ITS_OWN and "namespace" not in exc.message.lower():
                raise InvalidStart(f"Temporal does not resume {run.workflow_id}: {exc.message[:200]}") from exc
            raise explain(exc, self._client) from exc
        if version is not None and not after:
            resumed = WorkflowExecution(workflow_id=run.workflow_id, run_id=made.run_id)
            await move_if_left_behind(self._client, resumed, version)
        return made.run_id

    async def _claim(self, letter: Letter) -> bool:
        return bool(await self._letters.move([letter.id], LetterState.redriven, moved=self._moved, only=WAITING))

    async def _give_back(self, letter: Letter, why: str) -> None:
        was = LetterState.open if letter.state not in WAITING else letter.state
        moved = self._moved.model_copy(update={"note": f"Not redriven: {why}"[:1000]})
        await self._letters.move([letter.id], was, moved=moved, only={LetterState.redriven})


def _skipped(prospect: Prospect, verdict: Verdict, why: str) -> Redriven:
    return Redriven(replace(prospect, verdict=verdict, why=why, point=None), Result.skipped)


async def open_unfinished(
    client: Client, letters: DeadLetters, redriven: Iterable[Letter], moved: Moved
) -> Sequence[int]:
    """Open those again whose jobs are as dead as before; returns their ids.

    To be called while nobody redrives. Raises TemporalUnreachable, NotAuthorised, UnknownNamespace, `TransientError`s.
    """
    seen = list(redriven)
    unfinished: list[int] = []
    for start in range(0, len(seen), _AT_ONCE):
        some = seen[start : start + _AT_ONCE]
        dead = await asyncio.gather(*(still_dead(client, letter) for letter in some))
        unfinished += [letter.id for letter, is_dead in zip(some, dead, strict=True) if is_dead]
    moved = moved.model_copy(update={"note": "The job was not restarted."})
    return await letters.move(unfinished, LetterState.open, moved=moved, only={LetterState.redriven})
