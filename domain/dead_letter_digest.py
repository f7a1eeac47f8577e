"""The request that reminds people of dead letters, and what its step tells the workflow."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from domain.scheduling import ScheduledRequest


class DeadLetterDigestRequest(ScheduledRequest):
    """Tell people once a day of the dead jobs that nobody has looked at yet."""

    kind = "dead-letter-digest"


class Reminded(BaseModel):
    """What people were reminded of."""

    model_config = ConfigDict(frozen=True)

    open: int = 0
    """Letters that nobody has acknowledged, redriven or discarded."""
