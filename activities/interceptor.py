"""Decides after each failed attempt, for all kinds alike: how long to wait, or to give up; and what history may hold.

The server's own backoff has no jitter and ends past a deadline with a bare time-out; exceptions' texts can hold
personal data. So what leaves an activity is always an `ApplicationError` made here: the cause's class as its type, a
message that is safe to keep, the wait that was drawn, and no cause or traceback of someone else's.

It also has Temporal hear of a long attempt for as long as that runs, with what the attempt told of its progress last.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadConverter
from temporalio.exceptions import ApplicationError, FailureError
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from domain.dead_letters import FailedStep
from domain.errors import UNFORESEEN, AttemptTimedOut, JobError, PermanentError, TransientError, describe, error_type
from domain.policies import Policy, Verdict, after_failure
from domain.requests import kind_name

HEADER = "job-step"
"""Header in which the workflow tells attempts already made and the step's deadline."""

RETRIED = ("jobs_retried", "Attempts that failed and will be made again")
"""Name and description of a counter."""

job_attempt: ContextVar[int | None] = ContextVar("job_attempt", default=None)
"""Number of the step's attempt that runs now, those before this activity included; None outside of a step."""

_LONGEST_MESSAGE = 1000

_MARGIN = 0.05
"""Share of an attempt's limit that is kept for ending it: it must have stopped before the server starts the next."""


_HEARD_OF_EVERY = 2.0
"""Seconds between heartbeats: with the answer to one an attempt hears that its job was cancelled."""


class RetryInterceptor(Interceptor):
    """Applies the policy table to the activities of a worker."""

    def __init__(
        self,
        policies: Mapping[str, Policy],
        kinds: Mapping[str, str] | None = None,
        *,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """`policies` by activity type; names of `kinds` by workflow type; `draw` picks a number between two."""
        self._policies = policies
        self._kinds = kinds or {}
        self._draw = draw

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002  # the SDK's name
        """Wrap the activity (see `temporalio.worker.Interceptor`)."""
        return _Inbound(next, self._policies, self._kinds, self._draw)


class _Inbound(ActivityInboundInterceptor):
    def __init__(
        self,
        next: ActivityInboundInterceptor,  # noqa: A002  # the SDK's name
        policies: Mapping[str, Policy],
        kinds: Mapping[str, str],
        draw: Callable[[float, float], float],
    ) -> None:
        super().__init__(next)
        self._policies = policies
        self._kinds = kinds
        self._draw = draw
        self._heartbeats: _Heartbeats

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        self._heartbeats = _Heartbeats(outbound)
        super().init(self._heartbeats)

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002  # the SDK's name
        began = time.monotonic()
        attempts_made, deadline = _told(input.headers)
        job_attempt.set(attempts_made + activity.info().attempt)  # in the activity's own context, which ends with it
        # A thread cannot be stopped; a coroutine is, before the server begins the next attempt beside it.
        limit = _limit() if inspect.iscoroutinefunction(input.fn) else None
        try:
            async with asyncio.timeout(limit), self._heartbeats.going_on(while_it_runs=limit is not None):
                return await super().execute_activity(input)
        except FailureError:
            # Made on purpose for Temporal by whoever raised it: a benign failure, an asynchronous completion.
            raise
        except Exception as caught:
            late = limit is not None and time.monotonic() - began >= limit
            exc = AttemptTimedOut() if late and isinstance(caught, TimeoutError) else caught
            policy = self._policies.get(activity.info().activity_type)
            if policy is None:
                raise
            failure = self._failure(exc, policy, attempts_made, deadline, timedelta(seconds=time.monotonic() - began))
        # Outside the handler, so that the exception is no context of the failure: history would hold its text.
        raise failure

    def _failure(
        self, exc: Exception, policy: Policy, attempts_made: int, deadline: datetime | None, took: timedelta
    ) -> ApplicationError:
        info = activity.info()
        message = describe(exc)
        if isinstance(exc, PermanentError):
            verdict = Verdict(wait=None)
        else:
            # The clock that the deadline was set by: the server's, not this machine's. A local attempt's start is
            # known to this machine alone, but until it began nothing had passed but its wait for a slot.
            waited = info.started_time - info.scheduled_time
            start = deadline - policy.deadline + waited if info.is_local and deadline else info.started_time
            verdict = after_failure(
                policy,
                attempts=attempts_made + info.attempt,
                left=deadline - start - took if deadline else policy.deadline,
                retry_after=exc.retry_after if isinstance(exc, TransientError) else None,
                draw=self._draw,
            )
        activity.logger.log(
            logging.WARNING if verdict.wait else logging.ERROR,
            "Attempt failed, will be tried again" if verdict.wait else "Attempt failed for good",
            extra={
                "action": "retry" if verdict.wait else "give-up",
                "error": error_type(exc),
                "error_message": message,
                "wait_seconds": verdict.wait.total_seconds() if verdict.wait else None,
            },
            exc_info=None if isinstance(exc, JobError) else exc,
        )
        if verdict.wait:
            activity.metric_meter().create_counter(*RETRIED).add(
                1,
                {
                    "kind": self._kinds.get(info.workflow_type or "", kind_name(info.workflow_type or "")),
                    "queue": info.task_queue,
                    "activity_type": info.activity_type,
                },
            )
        remedy = "" if verdict.wait else (exc.remedy if isinstance(exc, JobError) else UNFORESEEN)
        return ApplicationError(
            " ".join(_sentence(part) for part in (message, verdict.reason, remedy) if part)[:_LONGEST_MESSAGE],
            # For the letter of a run that fails by this: what failed can't be told by the workflow itself.
            FailedStep(step=info.activity_type, attempts=attempts_made + info.attempt),
            type=error_type(exc),
            non_retryable=verdict.wait is None,
            next_retry_delay=verdict.wait,
        )


class _Heartbeats(ActivityOutboundInterceptor):
    """Repeats what the attempt told last, so that no attempt has to see to it that Temporal hears of it."""

    def __init__(self, next: ActivityOutboundInterceptor) -> None:  # noqa: A002  # the SDK's name
        super().__init__(next)
        self._last: tuple[Any, ...] = ()

    def heartbeat(self, *details: Any) -> None:
        self._last = details
        super().heartbeat(*details)

    @asynccontextmanager
    async def going_on(self, *, while_it_runs: bool) -> AsyncIterator[None]:
        """Heartbeats as long as the block runs, where the attempt has a limit for them and is no thread."""
        info = activity.info()
        limit = None if info.is_local or not while_it_runs else info.heartbeat_timeout
        if limit is None:
            yield
            return

        # What the attempt before told, until this one tells more: the server keeps the newest alone.
        self._last = self._last or tuple(info.heartbeat_details)

        async def beat() -> None:
            while True:
                super(_Heartbeats, self).heartbeat(*self._last)
                await asyncio.sleep(min(limit.total_seconds() / 3, _HEARD_OF_EVERY))

        beating = asyncio.create_task(beat(), name="heartbeat")
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.wait([beating])


def tell_attempt(record: logging.LogRecord) -> bool:
    """For the logger of activities, as a filter that lets all pass: add `job_attempt` to what a step logs."""
    record.job_attempt = job_attempt.get()
    return True


def stopped_after(limit: timedelta) -> timedelta:
    """How long an attempt with this limit may go on, before it is stopped here."""
    return limit * (1 - _MARGIN)


def _limit() -> float | None:
    """Seconds that this attempt has."""
    limit = activity.info().start_to_close_timeout
    return stopped_after(limit).total_seconds() if limit else None


def _told(headers: Mapping[str, Payload]) -> tuple[int, datetime | None]:
    """Attempts made before this activity, and the step's deadline; an activity that is no step has neither."""
    if HEADER not in headers:
        return 0, None
    made, deadline = PayloadConverter.default.from_payload(headers[HEADER])
    return int(made), datetime.fromisoformat(deadline)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", ")")) else f"{text}."
