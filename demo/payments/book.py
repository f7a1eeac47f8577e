"""All payments of the provider, and what happened to them: in memory, and in a file that a restart reads again."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel, JsonValue

from demo.payments import objects
from demo.payments.held import HeldPayment
from domain.payments import PaymentState


class Happened(BaseModel):
    """An event: the whole of Stripe's object, and what callbacks need of it."""

    id: str
    payment_id: str
    state: PaymentState
    created: int
    object: dict[str, JsonValue]


class FirstAnswer(BaseModel):
    """What was answered to the first call with an idempotency key, and gets answered to all others."""

    key: str
    asked: str
    body: dict[str, JsonValue]


class _Entry(BaseModel):
    payment: HeldPayment
    event: Happened
    answer: FirstAnswer | None = None


class Book:
    """The payments. Used from one thread."""

    def __init__(self, folder: Path) -> None:
        """Read what an earlier run left in the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "payments.jsonl"
        self.payments: dict[str, HeldPayment] = {}
        self.events: list[Happened] = []
        self.answers: dict[str, FirstAnswer] = {}
        if self._path.exists():
            # What follows the last line's end was being written when the provider was killed.
            whole = self._path.read_bytes().rpartition(b"\n")[0]
            lines = whole.split(b"\n") if whole else []
            for line in lines:
                self._take(_Entry.model_validate_json(line))
            self._path.write_bytes(b"".join(line + b"\n" for line in lines))
        self._file = self._path.open("a", encoding="utf-8")

    def begin(
        self, amount: int, currency: str, metadata: dict[str, str], *, key: str | None = None, asked: str = ""
    ) -> tuple[HeldPayment, Happened]:
        """Make a payment. A second call with the key is answered by `answers`, and must not come here."""
        now = int(time.time())
        payment = HeldPayment(
            id=f"pi_{secrets.token_hex(12)}", amount=amount, currency=currency, metadata=metadata, created=now
        )
        event = self._event(payment, None, now)
        answer = FirstAnswer(key=key, asked=asked, body=objects.intent(payment)) if key is not None else None
        self._write(_Entry(payment=payment, event=event, answer=answer))
        return payment, event

    def move(
        self, payment_id: str, state: PaymentState, *, refunded: int | None = None, at: int | None = None
    ) -> Happened:
        """Put a payment into a state; `at` is when that happened. Raises KeyError, and ValueError for a wrong part."""
        payment = self.payments[payment_id].model_copy(deep=True)
        before = payment.state
        payment.become(state, refunded)
        event = self._event(payment, before, int(time.time()) if at is None else at)
        self._write(_Entry(payment=payment, event=event))
        return event

    def newest_first(self) -> list[Happened]:
        """All events."""
        return sorted(self.events, key=lambda event: event.created)[::-1]

    def event(self, event_id: str) -> Happened | None:
        """One event; None where there is none with this id."""
        return next((event for event in self.events if event.id == event_id), None)

    def clear(self) -> None:
        """Forget everything."""
        self._file.truncate(0)
        self.payments.clear()
        self.events.clear()
        self.answers.clear()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _event(self, payment: HeldPayment, before: PaymentState | None, created: int) -> Happened:
        event_id = f"evt_{secrets.token_hex(12)}"
        type_, about = objects.happened(payment, before)
        whole: dict[str, Any] = objects.event(event_id, type_, created, about)
        return Happened(id=event_id, payment_id=payment.id, state=payment.state, created=created, object=whole)

    def _write(self, entry: _Entry) -> None:
        self._file.write(entry.model_dump_json() + "\n")
        self._file.flush()
        self._take(entry)

    def _take(self, entry: _Entry) -> None:
        self.payments[entry.payment.id] = entry.payment
        self.events.append(entry.event)
        if entry.answer is not None:
            self.answers[entry.answer.key] = entry.answer
