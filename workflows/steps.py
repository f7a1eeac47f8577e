"""Runs one step of a job: local first, durable when it fails.

A step that succeeds at once, as most do, runs as a local activity: it is recorded with the workflow task that ran it,
and costs the server nothing of its own. Where it fails in a way that a retry can mend, a durable timer waits as the
policy says, and the rest of the attempts run as a regular activity, whose waits, attempts and errors the server holds
and the Web UI shows. The local try counts as the first attempt, and the timetable is the same.

Changing what this function commands, or moving a step between `run` and `run_regular`, breaks the replay of live runs:
guard it by `workflow.patched`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from pydantic import BaseModel
from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, FailureError
from temporalio.exceptions import TimeoutError as StepTimeout

from domain.errors import PERMANENT, TransientError
from domain.policies import Policy
from workflows.data_converter import EncryptionKeyMissing

Request = TypeVar("Request", bound=BaseModel)
Result = TypeVar("Result")
Value = TypeVar("Value")
Step = Callable[[Any, Request], Awaitable[Result]]


@dataclass(frozen=True)
class Progress:
    """What the activity's interceptor has to know and cannot see; the workflow's interceptor tells it in a header."""

    attempts_made: int
    deadline: datetime


_progress: ContextVar[Progress | None] = ContextVar("progress", default=None)
_policies: ContextVar[Mapping[str, Policy]] = ContextVar("policies", default={})  # noqa: B039  # nothing changes it

_RENAMED = "renamed-step:"
"""With a step's name: patch of runs that earlier releases recorded."""

_FIRST_KEY_WAIT, _LONGEST_KEY_WAIT = timedelta(seconds=5), timedelta(minutes=5)
"""Between tries to find a worker that has the key of a step's arguments; doubling."""


def progress() -> Progress | None:
    """Progress of the step that is being scheduled; None for an activity that is no step."""
    return _progress.get()


class UnknownStep(LookupError):
    """No kind of the registry has this activity."""


@contextmanager
def governed_by(policies: Mapping[str, Policy]) -> Iterator[None]:
    """Within it, steps are run by these policies; the workflow's interceptor does this for each job."""
    with _set(_policies, policies):
        yield


def _policy_of(activity_type: str) -> Policy:
    try:
        return _policies.get()[activity_type]
    except KeyError:
        raise UnknownStep(
            f"no kind of job has the activity {activity_type!r}: name its class in the row of workflows/registry.py"
        ) from None


async def run(step: Step[Request, Result], request: Request) -> Result:
    """Run a short step: locally at first, as a regular activity from the second attempt on.

    `step` is the method of an activities class. Raises `ApplicationError` or `ActivityError` where the step failed for
    good, `CancelledError` where the workflow was cancelled.
    """
    name = _name_of(step)
    policy = _policy_of(name)
    deadline = workflow.now() + policy.deadline
    try:
        with _set(_progress, Progress(attempts_made=0, deadline=deadline)):
            result: Result = await workflow.execute_local_activity(
                _recorded(name),
                request,
                result_type=_result_of(step),
                # The wait for a slot of the worker belongs to no attempt: none has begun.
                schedule_to_close_timeout=policy.deadline,
                start_to_close_timeout=policy.attempt_limit,
                retry_policy=RetryPolicy(maximum_attempts=1, non_retryable_error_types=PERMANENT),
            )
            return result
    except FailureError as failure:
        wait = _wait_after(failure, policy)
        if wait is None:
            raise
        failed = failure
    workflow.set_current_details(
        f"Waits {wait.total_seconds():.0f} s before attempt 2 of {policy.max_attempts} of `{name}`."
    )
    await workflow.sleep(wait, summary=f"Wait before attempt 2 of {policy.max_attempts} of {name}")
    if workflow.now() >= deadline:
        # No worker was there when the wait was over. The server takes no activity whose time is up.
        raise ApplicationError(
            f"{failed.message} The deadline of {policy.deadline} for this step passed while it waited for attempt 2 of "
            f"{policy.max_attempts}. {TransientError.remedy}",
            *(failed.details if isinstance(failed, ApplicationError) else ()),
            type=failed.type if isinstance(failed, ApplicationError) else None,
            non_retryable=True,
        )
    return await _regular(step, request, policy, Progress(attempts_made=1, deadline=deadline))


async def run_regular(step: Step[Request, Result], request: Request) -> Result:
    """Run a long or heavy step, or one that has a heartbeat: a regular activity from the first attempt on.

    Raises as `run` does.
    """
    name = _name_of(step)
    policy = _policy_of(name)
    deadline = workflow.now() + policy.deadline
    return await _regular(step, request, policy, Progress(attempts_made=0, deadline=deadline))


async def _regular(step: Step[Request, Result], request: Request, policy: Policy, made: Progress) -> Result:
    wait = _FIRST_KEY_WAIT
    while True:
        try:
            return await _attempts(step, request, policy, made)
        except ActivityError as failure:
            if not isinstance(failure.cause, ApplicationError) or failure.cause.type != EncryptionKeyMissing.type_name:
                raise
            workflow.logger.warning(failure.cause.message)
        # A job is not to fail for want of a key, however long that takes.
        began = workflow.now()
        workflow.set_current_details(f"Waits for a worker that can decrypt the arguments of `{_name_of(step)}`.")
        await workflow.sleep(wait, summary="Wait for a worker with the encryption key")
        # That was nobody's attempt, and the wait is not the step's.
        made = Progress(made.attempts_made, made.deadline + (workflow.now() - began))
        wait = min(wait * 2, _LONGEST_KEY_WAIT)


async def _attempts(step: Step[Request, Result], request: Request, policy: Policy, made: Progress) -> Result:
    # The waits are drawn attempt by attempt by the activity's interceptor; the server's own backoff is for what no
    # interceptor sees: an attempt that timed out, or whose worker died.
    waits = policy.waits[made.attempts_made :]
    with _set(_progress, made):
        result: Result = await workflow.execute_activity(
            _recorded(_name_of(step)),
            request,
            result_type=_result_of(step),
            summary=f"Attempts {made.attempts_made + 1} to {policy.max_attempts}",
            start_to_close_timeout=policy.attempt_limit,
            schedule_to_close_timeout=made.deadline - workflow.now(),
            heartbeat_timeout=policy.heartbeat,
            # A cancelled job ends when its running attempt has: or a restart would run a second one beside it.
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            retry_policy=RetryPolicy(
                initial_interval=waits[0] if waits else timedelta(seconds=1),
                backoff_coefficient=2.0,
                maximum_interval=max(waits, default=timedelta(seconds=1)),
                maximum_attempts=policy.max_attempts - made.attempts_made,
                non_retryable_error_types=PERMANENT,
            ),
        )
        return result


@contextmanager
def _set(variable: ContextVar[Value], value: Value) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        # A run that its worker drops from memory here is closed from outside its context, where nothing was set.
        with suppress(ValueError):
            variable.reset(token)


def _recorded(name: str) -> str:
    """The step's name. Earlier releases recorded the name of a renamed step by a patch, which a replay has to meet."""
    if workflow.unsafe.is_replaying():
        workflow.patched(_RENAMED + name)  # without a record it leaves no trace
    return name


def _wait_after(failure: FailureError, policy: Policy) -> timedelta | None:
    """Wait before the second attempt; None where there is none."""
    # A local activity's own error arrives bare, a regular one's as the cause of an ActivityError.
    cause = failure.cause if isinstance(failure, ActivityError) else failure
    if policy.retries == 0:
        return None
    if isinstance(cause, StepTimeout):
        return policy.waits[0]
    if not isinstance(cause, ApplicationError) or cause.non_retryable:
        return None
    # Drawn by the interceptor, and recorded: what history says counts, not which classes this process knows. A failure
    # that no interceptor saw has none: a payload codec's, say.
    if cause.next_retry_delay:
        return cause.next_retry_delay
    return None if cause.type in PERMANENT else policy.waits[0]


def _name_of(step: Step[Any, Any]) -> str:
    definition = activity._Definition.must_from_callable(step)
    if definition.name is None:
        raise TypeError("a dynamic activity is no step of a job")
    return definition.name


def _result_of(step: Step[Any, Any]) -> type | None:
    return activity._Definition.must_from_callable(step).ret_type
