"""Starts one entry of the outbox, and decides what becomes of it where that fails."""

from __future__ import annotations

from datetime import timedelta

from pydantic import ValidationError
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import describe, error_type
from domain.outbox import Entry, NotStarted, Problem
from domain.requests import JobRequest
from starter.connection import RPC_TIMEOUT, found
from starter.errors import InvalidStart, NotAuthorised, StarterError, TemporalUnreachable, UnknownNamespace
from starter.starting import start_workflow
from workflows.registry import Registry

START_ID = "outbox_start_id"
"""Memo of a run that the outbox started, where its kind may run again after a failure."""

OUTAGES = (TemporalUnreachable, NotAuthorised, UnknownNamespace)
"""Errors that say nothing about the one entry: all others fare alike, and will do better later."""

_OF_THE_SERVER = (
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.CANCELLED,
)

_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=5), timedelta(minutes=5)


async def start_entry(client: Client, kinds: Registry, entry: Entry, *, eager: bool = True) -> NotStarted | None:
    """Start an entry's job; None if Temporal has it, now or from before.

    `eager` is `starter.starting.start_workflow`'s. Raises one of `OUTAGES`.
    """
    try:
        kind = kinds.get(entry.kind)
    except LookupError as exc:
        return NotStarted(Problem("UnknownKind", f"{exc}. Deploy the code that has it, or correct the entry."))
    try:
        request = kind.request.model_validate_json(entry.payload, strict=True)
    except ValidationError as exc:
        return NotStarted(Problem("InvalidPayload", f"{_fields(exc)} (see `jobs kinds`)."))
    except Exception as exc:  # noqa: BLE001  # a bug in the kind's own checks; its text may quote the payload
        name = type(exc).__name__
        message = f"{kind.request.__name__} cannot check the payload ({name}). Correct its validators, and deploy."
        return NotStarted(Problem(error_type(exc), message), wait_before(entry))
    try:
        if kind.restart_after_failure and await _is_ours(client, request, entry):
            return None
        await start_workflow(
            client,
            kind,
            request,
            delay=entry.delay,
            priority=entry.priority,
            fairness_key=entry.fairness_key,
            anew=kind.restart_after_failure,
            memo={START_ID: str(entry.start_id)} if kind.restart_after_failure else None,
            eager=eager,
        )
    except OUTAGES as exc:
        if concerns_all(exc):
            raise
        return NotStarted(problem_of(exc), wait_before(entry))
    except InvalidStart as exc:
        # A state that Temporal is in, not the entry: the namespace is active in another cluster, say.
        passing = isinstance(exc.__cause__, RPCError) and exc.__cause__.status is RPCStatusCode.FAILED_PRECONDITION
        return NotStarted(Problem(InvalidStart.type_name, str(exc)), wait_before(entry) if passing else None)
    except Exception as exc:  # noqa: BLE001  # whatever it is, it must not keep the others from being started
        return NotStarted(problem_of(exc), wait_before(entry))
    return None


def problem_of(exc: Exception) -> Problem:
    """The error of an entry whose start failed with this exception."""
    return Problem(error_type(exc), str(exc) if isinstance(exc, StarterError) else describe(exc))


def concerns_all(outage: StarterError) -> bool:
    """False for an error of the server's that may be this entry's own: it must not hold the others up."""
    cause = outage.__cause__
    return not (
        isinstance(outage, TemporalUnreachable) and isinstance(cause, RPCError) and cause.status not in _OF_THE_SERVER
    )


async def _is_ours(client: Client, request: JobRequest, entry: Entry) -> bool:
    """Tell whether the job's latest run was started by this very entry.

    It was, where a relay ended between the start and its record. By now that run may have failed, and a start would
    run it a second time.
    """
    run = await found(client, client.get_workflow_handle(request.workflow_id).describe(rpc_timeout=RPC_TIMEOUT))
    return run is not None and bool(await run.memo_value(START_ID, default=None) == str(entry.start_id))


def _fields(exc: ValidationError) -> str:
    """What is wrong, without the values: a kind's own checks may quote them, so only pydantic's texts are told."""
    told = exc.errors(include_url=False, include_input=False, include_context=False)
    own = {"value_error", "assertion_error"}
    return "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'payload'}: "
        f"{'the kind refuses it' if problem['type'] in own else problem['msg']}"
        for problem in told
    )


def wait_before(entry: Entry) -> timedelta:
    """How long an entry is put off."""
    return min(_FIRST_WAIT * (1 << min(entry.attempts, 10)), _LONGEST_WAIT)
