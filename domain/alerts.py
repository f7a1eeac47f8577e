"""What a person has to be told of, and what is needed to tell them once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field

NO_SPACE = r"^[^\s\x00]+$"
"""As others' ids may be."""

EXAMPLES = 5
"""Most alerts that one message names."""


class AlertKind(StrEnum):
    """Why somebody is alerted: a closed set. Each has its wording in `domain/alert_texts.py`."""

    payment_event_reused = "payment-event-reused"
    """The id of a payment event came again, with another body."""
    outbox_refused = "outbox-refused"
    """An enqueued job cannot be started as it is."""
    dead_letter = "dead-letter"
    """A job has failed for good, or does not come on."""
    dead_letter_digest = "dead-letter-digest"
    """Once a day: jobs that still need a person."""


class Alert(BaseModel):
    """One thing that a person has to look at. Ids only: it is kept for ever, and sent to who knows where."""

    model_config = ConfigDict(frozen=True)

    kind: AlertKind
    key: Annotated[str, Field(min_length=1, max_length=400, pattern=NO_SPACE)]
    """Unique within its kind: an event's id, a run's id. The same key is alerted once, for ever."""
    about: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    """What alerts of a kind are told together by, where the kind is not enough: `order-confirmation/RateLimited`."""
    job_id: Annotated[str, Field(min_length=1, max_length=1000, pattern=NO_SPACE)] | None = None
    run_id: Annotated[str, Field(min_length=1, max_length=100, pattern=NO_SPACE)] | None = None
    """The run to look at, where there is one."""


class Gathered(BaseModel):
    """The alerts that one message tells of: one kind, about the same."""

    model_config = ConfigDict(frozen=True)

    kind: AlertKind
    about: str
    count: int
    """0 where another message has told of them."""
    began_at: datetime | None = None
    ended_at: datetime | None = None
    """When the first and the last of them were raised."""
    examples: tuple[Alert, ...] = ()
    """The first of them."""


class AlertMessage(BaseModel):
    """What an alert channel sends."""

    model_config = ConfigDict(frozen=True)

    title: str
    text: str
    reference: str
    """The same whenever the message is sent again; receivers can know it by this."""


class Alerts(Protocol):
    """Alerts that were raised: one row each, for ever. Each call may raise a `TransientError`."""

    async def add(self, alert: Alert) -> bool:
        """Raise an alert, and enqueue the job that tells of it; False where its key was there before."""
        ...

    async def gather(self, kind: str, first: int) -> Gathered | None:
        """Gather all that nobody has gathered yet and that is about the same as this alert; None if it isn't there.

        Again for the same alert: the same ones again. What is raised from now on gets a message of its own.
        """
        ...

    async def told(self, first: int) -> None:
        """Keep that the message which was gathered for this alert has reached all channels."""
        ...


class AlertChannel(Protocol):
    """One way to reach people."""

    @property
    def name(self) -> str:
        """The same after a restart, of another channel another one, and without a secret."""
        ...

    async def send(self, message: AlertMessage) -> str:
        """Send a message; returns a short answer. Raises a `TransientError` that holds no secret."""
        ...


class AlertChannels(Protocol):
    """All channels, and what a message needs to know."""

    @property
    def all(self) -> Sequence[AlertChannel]:
        """None where nobody is to be told."""
        ...

    @property
    def web_ui(self) -> str:
        """Address of Temporal's Web UI, for links."""
        ...
