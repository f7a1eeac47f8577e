"""Alerts: what operators must hear of exactly once, and the ports for that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Protocol

from pydantic import Field

from domain.values import Value

NO_SPACE = r"^[^\s\x00]+$"
"""The form of ids from elsewhere."""

ABOUT_LIMIT = 200
"""Maximum length of what alerts are grouped by, in characters."""

EXAMPLES = 5
"""Maximum number of alerts that one message names."""


class AlertKind(StrEnum):
    """The reasons for alerts: a closed set. Each has its wording in `domain/alert_texts.py`."""

    payment_event_reused = "payment-event-reused"
    """The id of a payment event came again, with another body."""
    outbox_refused = "outbox-refused"
    """An enqueued job cannot be started as it is."""
    dead_letter = "dead-letter"
    """A job failed for good, or makes no progress."""
    dead_letter_digest = "dead-letter-digest"
    """Once a day: jobs that still need an operator."""


class Alert(Value):
    """One thing that an operator must look at. Ids only: it is stored permanently, and sent to other services."""

    kind: AlertKind
    key: Annotated[str, Field(min_length=1, max_length=400, pattern=NO_SPACE)]
    """Unique within its kind, such as an event's or a run's id. The same key is alerted once, permanently."""
    about: Annotated[str, Field(max_length=ABOUT_LIMIT, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    """Groups the alerts of a kind into messages: `order-confirmation/RateLimited`."""
    job_id: Annotated[str, Field(min_length=1, max_length=1000, pattern=NO_SPACE)] | None = None
    run_id: Annotated[str, Field(min_length=1, max_length=100, pattern=NO_SPACE)] | None = None
    """The run to look at, if there is one."""


class Gathered(Value):
    """The alerts in one message: of one kind, about the same."""

    kind: AlertKind
    about: str
    count: int
    """0 if another message covers them."""
    began_at: datetime | None = None
    ended_at: datetime | None = None
    """When the first and the last of them were raised."""
    examples: tuple[Alert, ...] = ()
    """The first of them."""


class AlertMessage(Value):
    """The message that an alert channel sends."""

    title: str
    text: str
    reference: str
    """The same if the message is sent again, so that receivers can recognise it."""


class Alerts(Protocol):
    """Raised alerts, one row each, stored permanently. Each call may raise a `TransientError`."""

    async def add(self, alert: Alert) -> bool:
        """Raise an alert, and enqueue the job that sends it; False if its key existed."""
        ...

    async def gather(self, kind: str, first: int) -> Gathered | None:
        """Gather all alerts about the same as this one that no message covers yet; None if there is no such alert.

        Repeatable: the same alert gathers the same ones again. Later alerts get a message of their own.
        """
        ...

    async def told(self, first: int) -> None:
        """Record that the message gathered for this alert has reached all channels."""
        ...


class AlertChannel(Protocol):
    """One way to reach operators."""

    @property
    def name(self) -> str:
        """Stable over restarts, unique among channels, and without a secret."""
        ...

    async def send(self, message: AlertMessage) -> str:
        """Send a message; returns a short answer. Raises a `TransientError` that holds no secret."""
        ...


class AlertChannels(Protocol):
    """All channels, and what a message needs to know."""

    @property
    def all(self) -> Sequence[AlertChannel]:
        """Empty if none is configured."""
        ...

    @property
    def web_ui(self) -> str:
        """Address of Temporal's Web UI, for links."""
        ...
