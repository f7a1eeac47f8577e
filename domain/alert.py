"""The request of the job that sends alerts, and the result of its step."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from domain.requests import EntityId, JobRequest
from domain.values import Value


class AlertRequest(JobRequest):
    """Send an alert, and all others about the same that were raised by then, in one message.

    If a job of this kind fails, that raises no alert: sending it would fail as well. The failure shows in the Web UI
    and in `jobs_failed_total`.
    """

    kind = "alert"

    # Not the closed set of kinds: a worker with older code must wait for newer code, and not fail the job.
    alert: Annotated[str, Field(max_length=60, pattern=r"^[a-z]+(-[a-z]+)*$")]
    """The kind of alert."""
    first: EntityId
    """Number of the alert that enqueued this job."""


NEVER_ALERTED = frozenset({AlertRequest.kind})
"""Kinds of job whose failure raises no alert."""


class Told(Value):
    """What became of a message."""

    state: Literal["told", "told-with-others", "no-channel", "alert-not-found", "runs-went-on"]
    alerts: int = 0
    """How many alerts it covers."""
