"""Starts one workflow for a request. What `Jobs.start` and the outbox's relay have in common."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import (
    Priority,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError

from domain.requests import JobRequest
from domain.scheduling import ScheduledRequest
from starter.connection import RPC_TIMEOUT, explained, found
from starter.errors import InvalidStart
from workflows.registry import Kind

PRIORITIES = range(1, 6)
"""1 comes first, 5 last; Temporal's default is 3."""


@dataclass(frozen=True)
class Started:
    """A run: one that was started now, or one that was there."""

    run_id: str | None
    now: bool
    job_id: str
    """Of the run: that of an earlier name of its kind, where there was one."""


LONGEST_FAIRNESS_KEY = 64
"""Bytes that Temporal takes."""


class StartOptions(TypedDict, total=False):
    """Options of a start: see `Jobs.start`."""

    delay: timedelta | None
    priority: int | None
    fairness_key: str | None
    restart: bool


def check_options(
    *,
    delay: timedelta | None = None,
    priority: int | None = None,
    fairness_key: str | None = None,
    restart: bool = False,  # noqa: ARG001  # there is nothing to check
) -> None:
    """Raises InvalidStart for a delay below zero, a priority out of range, or a fairness key that does not fit."""
    if delay is not None and delay < timedelta():
        raise InvalidStart("delay: a job cannot start in the past; leave it out to start now")
    if priority is not None and priority not in PRIORITIES:
        raise InvalidStart("priority: from 1 (first) to 5 (last)")
    if fairness_key is not None and not 1 <= len(fairness_key.encode()) <= LONGEST_FAIRNESS_KEY:
        raise InvalidStart(f"fairness_key: from 1 to {LONGEST_FAIRNESS_KEY} bytes; take an id, say")


async def start_workflow(
    client: Client,
    kind: Kind,
    request: JobRequest,
    *,
    delay: timedelta | None = None,
    priority: int | None = None,
    fairness_key: str | None = None,
    anew: bool = False,
    memo: dict[str, Any] | None = None,
    eager: bool = True,
) -> Started:
    """Start the run of a request, unless there is one. With `anew`, one that did not complete does not count.

    `eager`: a worker that shares this client may have the first task with the answer.

    Raises NotSetUp, InvalidStart, TemporalUnreachable, NotAuthorised, UnknownNamespace.
    """
    if isinstance(request, ScheduledRequest) and request.at is None:
        raise InvalidStart("at: say for which moment the job is; only runs of a schedule are told by Temporal")
    for alias in kind.aliases:
        if (there := await _under_earlier_name(client, f"{alias}/{request.business_id}", anew=anew)) is not None:
            return there
    try:
        async with explained(client):
            handle = await client.start_workflow(
                kind.workflow_type,
                request,
                id=request.workflow_id,
                task_queue=kind.queue,
                id_reuse_policy=(
                    WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY
                    if anew
                    else WorkflowIDReusePolicy.REJECT_DUPLICATE
                ),
                # Not USE_EXISTING: its answer does not tell a run that was there from one that was started.
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                search_attributes=_search_attributes(request),
                static_summary=request.summary,
                start_delay=delay,
                priority=Priority(priority_key=priority, fairness_key=fairness_key),
                memo=memo,
                request_eager_start=eager,
                rpc_timeout=RPC_TIMEOUT,
            )
    except WorkflowAlreadyStartedError as exc:
        return Started(exc.run_id, now=False, job_id=request.workflow_id)
    return Started(handle.result_run_id, now=True, job_id=request.workflow_id)


async def _under_earlier_name(client: Client, job_id: str, *, anew: bool) -> Started | None:
    """The run of a job that was started before its kind was renamed; None where a start may go on."""
    run = await found(client, client.get_workflow_handle(job_id).describe(rpc_timeout=RPC_TIMEOUT))
    stays = (WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.COMPLETED)
    if run is None or (anew and run.status not in stays):
        return None
    return Started(run.run_id, now=False, job_id=job_id)


def _search_attributes(request: JobRequest) -> TypedSearchAttributes:
    return TypedSearchAttributes(
        [SearchAttributePair(SearchAttributeKey.for_keyword(name), value) for name, value in request.ids.items()]
    )
