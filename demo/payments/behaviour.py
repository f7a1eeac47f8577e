"""How the provider misbehaves when it is told to, as real ones do."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Kind = Literal["answer", "slow", "hang", "cut", "cut-midway", "lost", "drip", "endless"]


class Misbehaviour(BaseModel):
    """What to do with the next calls, instead of answering them.

    | kind | |
    | --- | --- |
    | `answer` | answer with `status`, `headers` and `body`; without a body, with an error in the provider's manner |
    | `slow` | answer after `seconds` |
    | `hang` | never answer |
    | `cut` | read the call, do nothing, and break the connection |
    | `lost` | do what was asked, and break the connection before the answer |
    | `cut-midway` | break the connection in the middle of the answer |
    | `drip` | answer a byte every `seconds` |
    | `endless` | answer without an end |
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    times: int | None = Field(default=1, gt=0)
    """For so many calls; None for all, until it is told to behave."""
    payment_id: str | None = None
    """For calls about this payment alone."""
    path: str = ""
    """For calls of paths that begin so alone."""
    status: int = Field(default=503, ge=200, le=599)
    headers: dict[str, str] = Field(default_factory=dict)
    body: str | None = None
    content_type: str = "application/json"
    seconds: float = Field(default=1, ge=0)


class Call(BaseModel):
    """A call of the provider's interface."""

    model_config = ConfigDict(frozen=True)

    at: AwareDatetime
    method: str
    path: str
    payment_id: str | None
    idempotency_key: str | None
    misbehaved: Kind | None
    """What was done instead of answering."""


class Script:
    """What the provider was told to do, and which calls it got."""

    def __init__(self) -> None:
        """It behaves."""
        self._rules: list[Misbehaviour] = []
        self._left: list[int | None] = []
        self.calls: deque[Call] = deque(maxlen=10_000)

    def misbehave(self, rule: Misbehaviour) -> None:
        """Heed a rule, after those that were told before."""
        self._rules.append(rule)
        self._left.append(rule.times)

    def behave(self) -> None:
        """Forget all rules."""
        self._rules.clear()
        self._left.clear()

    def called(
        self, method: str, path: str, *, payment_id: str | None, idempotency_key: str | None
    ) -> Misbehaviour | None:
        """Note a call; returns what to do instead of answering it, counted as done."""
        rule = self._due(path, payment_id)
        self.calls.append(
            Call(
                at=datetime.now(UTC),
                method=method,
                path=path,
                payment_id=payment_id,
                idempotency_key=idempotency_key,
                misbehaved=rule.kind if rule else None,
            )
        )
        return rule

    def _due(self, path: str, payment_id: str | None) -> Misbehaviour | None:
        for number, rule in enumerate(self._rules):
            left = self._left[number]
            if left == 0 or not path.startswith(rule.path) or rule.payment_id not in (None, payment_id):
                continue
            self._left[number] = None if left is None else left - 1
            return rule
        return None
