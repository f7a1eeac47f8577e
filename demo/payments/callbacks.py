"""Tells a shop what happened: callbacks with a signature, sent again until the shop takes them."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import httpx
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from demo.payments import signatures
from demo.payments.book import Happened
from demo.payments.keys import FORGED_SECRET, WEBHOOK_SECRET

_LONGEST_WAIT = 30.0
_SHUFFLE = random.SystemRandom()

Order = Literal["as-happened", "reversed", "shuffled"]


class CallbackSettings(BaseModel):
    """Where callbacks go, and how they misbehave. Times are in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str | None = None
    """None: nobody is told anything."""
    scheme: Literal["standard", "stripe"] = "standard"
    hold: bool = False
    """Keep what happens from now on until it is released."""
    delay: float = Field(default=0, ge=0)
    copies: int = Field(default=1, ge=1)
    """How often each is sent, though the shop took it."""
    forged: bool = False
    """Sign with somebody else's secret."""
    clock_offset: int = 0
    """How far the provider's clock goes ahead."""
    attempts: int = Field(default=8, ge=1)
    first_wait: float = Field(default=0.5, ge=0)
    """Before the second attempt; each further wait is twice as long, and 30 s at most."""


class Delivery(BaseModel):
    """One attempt to tell the shop."""

    model_config = ConfigDict(frozen=True)

    at: AwareDatetime
    event_id: str
    attempt: int
    status: int | None
    """What the shop answered; None where it did not."""

    @property
    def taken(self) -> bool:
        """Whether the shop took it."""
        return self.status is not None and 200 <= self.status < 300


class Callbacks:
    """Sends them, each in a task of its own. What is not taken when the provider is stopped is not sent again."""

    def __init__(self, path: Path) -> None:
        """Where callbacks go is kept in the file `path`; where there is none yet, nobody is told anything."""
        self._path = path
        self.settings = CallbackSettings.model_validate_json(path.read_bytes()) if path.exists() else CallbackSettings()
        self.held: list[Happened] = []
        self.deliveries: deque[Delivery] = deque(maxlen=10_000)
        self._under_way: set[asyncio.Task[None]] = set()
        # The environment may name a proxy, which has no business with the loopback interface.
        self._http = httpx.AsyncClient(trust_env=False, timeout=10)

    def change(self, settings: CallbackSettings) -> None:
        """Have all that happens from now on told so."""
        self.settings = settings
        half = self._path.with_suffix(".tmp")
        half.write_text(settings.model_dump_json())
        half.replace(self._path)

    def tell(self, event: Happened) -> None:
        """Have the shop told of an event, as the settings are now."""
        if self.settings.url is None:
            return
        if self.settings.hold:
            self.held.append(event)
        else:
            self.send([event], self.settings)

    def release(self, order: Order) -> None:
        """Send what was held, one after the other, and hold nothing more."""
        events, self.held = self.held, []
        self.change(self.settings.model_copy(update={"hold": False}))
        if order == "reversed":
            events.reverse()
        elif order == "shuffled":
            _SHUFFLE.shuffle(events)
        self.send(events, self.settings)

    def send(self, events: Sequence[Happened], settings: CallbackSettings) -> None:
        """Send these one after the other, each when the shop took the one before, or all attempts were made."""
        task = asyncio.create_task(self._send(events, settings))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def idle(self) -> None:
        """Return when nothing is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    def forget(self) -> None:
        """Send nothing more, hold nothing, and tell nobody."""
        for task in self._under_way:
            task.cancel()
        self.change(CallbackSettings())
        self.held.clear()
        self.deliveries.clear()

    async def aclose(self) -> None:
        """Send nothing more."""
        for task in self._under_way:
            task.cancel()
        await self._http.aclose()

    async def _send(self, events: Sequence[Happened], settings: CallbackSettings) -> None:
        await asyncio.sleep(settings.delay)
        for event in events:
            for _ in range(settings.copies):
                await self._deliver(event, settings)

    async def _deliver(self, event: Happened, settings: CallbackSettings) -> None:
        wait = settings.first_wait
        for attempt in range(1, settings.attempts + 1):
            delivery = await self._post(event, settings, attempt)
            self.deliveries.append(delivery)
            if delivery.taken or attempt == settings.attempts:
                return
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    async def _post(self, event: Happened, settings: CallbackSettings, attempt: int) -> Delivery:
        body, headers = _message(event, settings)
        status: int | None = None
        try:
            answer = await self._http.post(
                settings.url or "", content=body, headers={"content-type": "application/json", **headers}
            )
            status = answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL):
            pass  # the shop is away, or will not be reached under this URL
        return Delivery(at=datetime.now(UTC), event_id=event.id, attempt=attempt, status=status)


def _message(event: Happened, settings: CallbackSettings) -> tuple[str, dict[str, str]]:
    secret = FORGED_SECRET if settings.forged else WEBHOOK_SECRET
    at = int(time.time()) + settings.clock_offset
    if settings.scheme == "stripe":
        body = json.dumps(event.object)
        return body, signatures.stripe(secret, at=at, body=body)
    body = json.dumps(
        {
            "id": event.id,
            "type": f"payment.{event.state.name}",
            "timestamp": datetime.fromtimestamp(event.created, UTC).isoformat(),
            "data": {"payment_id": event.payment_id},
        }
    )
    return body, signatures.standard(secret, message_id=event.id, at=at, body=body)
