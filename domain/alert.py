"""The request of the job that tells people of alerts, and what its step tells the workflow."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.requests import EntityId, JobRequest


class AlertRequest(JobRequest):
    """Tell of an alert, and of all that were raised by then about the same, in one message.

    A job of this kind that fails must not be alerted itself: that would fail as well, for ever. It is seen in the Web
    UI and in `jobs_failed_total`. Whoever raises alerts about jobs leaves out the kinds of `NEVER_ALERTED`.
    """

    kind = "alert"

    # Not the closed set of kinds: a worker of older code is to wait for newer code, and not to fail the job.
    alert: Annotated[str, Field(max_length=60, pattern=r"^[a-z]+(-[a-z]+)*$")]
    """The kind of alert."""
    first: EntityId
    """Number of the alert with which the job was enqueued."""


NEVER_ALERTED = frozenset({AlertRequest.kind})
"""Kinds of job whose failure raises no alert."""


class Told(BaseModel):
    """What became of a message."""

    model_config = ConfigDict(frozen=True)

    state: Literal["told", "told-with-others", "no-channel", "alert-not-found", "runs-went-on"]
    alerts: int = 0
    """How many it tells of."""
