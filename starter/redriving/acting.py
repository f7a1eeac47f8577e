"""Redrives one letter: resumes its job at the step that failed, or runs it anew."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, replace
from enum import StrEnum

from pydantic import ValidationError
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client

from domain.dead_letters import WAITING, DeadLetters, Letter, LetterState, Moved
from domain.requests import JobRequest
from starter.connection import RPC_TIMEOUT, explained
from starter.errors import InvalidStart
from starter.redriving.looking import Prospect, Verdict, look
from starter.starting import start_workflow
from workflows.registry import Kind, Registry

_NAMESPACE = uuid.UUID("5a2f2f5e-6c0e-4d0e-9d67-4f6f6a3d5c11")
"""Of the ids that Temporal knows a repeated reset by."""


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
    """Redrives letters. Several may do so at once, and each may be killed at any moment: no letter is redriven twice.

    A letter is moved to `redriven` before its job is told to go on. Where the one who did so is killed in between, the
    sweep finds the job as dead as before, and opens the letter again.
    """

    def __init__(self, client: Client, letters: DeadLetters, kinds: Registry, moved: Moved) -> None:
        """`moved` tells who redrives, and why."""
        self._client = client
        self._letters = letters
        self._kinds = kinds
        self._moved = moved

    async def resume(self, letter: Letter) -> Redriven:
        """Take the job up again at the step that failed, unless it is not dead any more.

        Raises TemporalUnreachable, NotAuthorised, UnknownNamespace, `TransientError`s.
        """
        prospect = await look(self._client, letter)
        if prospect.verdict is not Verdict.resume or prospect.point is None:
            return Redriven(prospect, Result.skipped)
        if not await self._claim(letter):
            return _taken(prospect)
        run = letter.run
        request = ResetWorkflowExecutionRequest(
            namespace=self._client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=run.workflow_id, run_id=run.run_id),
            reason=f"Redriven by {self._moved.by}: dead letter {letter.id}",
            workflow_task_finish_event_id=prospect.point.event_id,
            # The same for each try: Temporal makes one run of them.
            request_id=str(uuid.uuid5(_NAMESPACE, run.run_id)),
        )
        async with explained(self._client):
            made = await self._client.workflow_service.reset_workflow_execution(
                request, retry=True, timeout=RPC_TIMEOUT
            )
        return Redriven(prospect, Result.resumed, made.run_id)

    async def restart(self, letter: Letter, request: JobRequest | None = None) -> Redriven:
        """Run the whole job anew under its id, with its own request or a corrected one.

        Raises InvalidStart where the recorded request is none of its kind by now, or the corrected one is another
        job's; what `resume` raises, and NotSetUp.
        """
        kind, wanted = self.request_of(letter) if request is None else (self._kinds.of(request), request)
        if wanted.workflow_id != letter.run.workflow_id:
            raise InvalidStart(
                f"With this input it would be another job, {wanted.workflow_id}: start that by "
                f"`jobs start {wanted.kind}`, and discard letter {letter.id}."
            )
        prospect = await look(self._client, letter)
        if prospect.verdict not in (Verdict.resume, Verdict.restart_only):
            return Redriven(prospect, Result.skipped)
        if not await self._claim(letter):
            return _taken(prospect)
        started = await start_workflow(self._client, kind, wanted, anew=True)
        return Redriven(prospect, Result.restarted if started.now else Result.skipped, started.run_id)

    def request_of(self, letter: Letter) -> tuple[Kind, JobRequest]:
        """The kind and the request of a letter's job. Raises InvalidStart where it has none that can be used."""
        run = letter.run
        if run.request is None:
            raise InvalidStart(
                f"The input of {run.workflow_id} was no request of its kind: give a corrected one by --input FILE."
            )
        try:
            kind = self._kinds.get(run.kind)
            return kind, kind.request.model_validate_json(json.dumps(run.request))
        except LookupError as exc:
            raise InvalidStart(f"{run.workflow_id} cannot be run anew: {exc}.") from exc
        except ValidationError as exc:
            raise InvalidStart(
                f"The request of {run.workflow_id} does not fit its kind any more ({exc.error_count()} problems): give "
                f"a corrected one by --input FILE."
            ) from None

    async def _claim(self, letter: Letter) -> bool:
        moved = await self._letters.move([letter.id], LetterState.redriven, moved=self._moved, only=WAITING)
        return bool(moved)


def _taken(prospect: Prospect) -> Redriven:
    settled = replace(prospect, verdict=Verdict.settled, why="Somebody else has just moved it.", point=None)
    return Redriven(settled, Result.skipped)
