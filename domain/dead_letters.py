"""Dead letters: the jobs that need an operator, and what operators did about them.

A run is dead if it failed, exceeded its time limit, was terminated, or makes no progress by itself. Each dead run has
one dead letter, permanently. A job (all runs of one workflow id) has at most one dead letter that is open or
acknowledged: the one of its last dead run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import Enum, StrEnum
from typing import Annotated, Any, Protocol

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from domain.fingerprints import fingerprint
from domain.texts import Name, Note
from domain.values import Value

MESSAGE_LIMIT = 1000
"""Maximum length of the stored error message, in characters."""
_NAME_LIMIT = 255

SWEEP = "sweep"
"""Recorded as the author of changes that no operator made."""


class FailureCause(StrEnum):
    """Why a run is dead: a closed set."""

    failed = "failed"
    timed_out = "timed-out"
    """The run exceeded its own time limit. (If a step times out, the run fails.)"""
    terminated = "terminated"
    stuck = "stuck"
    """Running, but its workflow tasks fail: a bug, code that does not match its history, or an unknown kind."""
    no_worker = "no-worker"
    """Running, but no worker has taken its first task."""

    @property
    def final(self) -> bool:
        """True if the run has ended. The others continue by themselves once the right code or a worker is there."""
        return self not in (FailureCause.stuck, FailureCause.no_worker)


class DeadLetterState(StrEnum):
    """What has become of a dead letter: a closed set."""

    open = "open"
    acknowledged = "acknowledged"
    redriven = "redriven"
    resolved = "resolved"
    discarded = "discarded"


_State = DeadLetterState

WAITING = frozenset({_State.open, _State.acknowledged})
"""The job needs an operator."""

UNSETTLED = WAITING | {_State.redriven}
"""The states that the sweep checks."""


class Move(Enum):
    """How a dead letter changes its state: all the moves there are. `docs/dead-letters.md` has the same table."""

    acknowledge = {_State.open}, _State.acknowledged
    discard = UNSETTLED, _State.discarded
    reopen = set(_State) - {_State.open}, _State.open
    redrive = WAITING, _State.redriven
    release = {_State.redriven}, _State.open
    release_acknowledged = {_State.redriven}, _State.acknowledged
    resolve = UNSETTLED, _State.resolved
    fail_again = {_State.resolved}, _State.open

    def __init__(self, sources: Collection[DeadLetterState], target: DeadLetterState) -> None:
        self.sources = frozenset(sources)
        self.target = target


def _text(limit: int | None = None, end: str = "") -> BeforeValidator:
    """Cuts a text to the limit, and removes what PostgreSQL cannot store: NUL and lone surrogates."""

    def storable(value: object) -> object:
        if not isinstance(value, str):
            return value
        text = value.replace("\0", "").encode(errors="replace").decode()
        return text if limit is None or len(text) <= limit else text[: limit - len(end)] + end

    return BeforeValidator(storable)


_Short = Annotated[str, _text(_NAME_LIMIT)]


class FailedRun(Value):
    """A dead run, with the facts that end with Temporal's retention. Long names and messages are cut."""

    workflow_id: Annotated[str, _text(), Field(min_length=1, max_length=1000)]
    run_id: Annotated[str, Field(min_length=1, max_length=100)]
    kind: Annotated[_Short, Field(min_length=1)]
    """`order-confirmation`; derived in the same way from the type of a workflow that is no known kind."""
    queue: Annotated[_Short, Field(min_length=1)]
    cause: FailureCause
    request: dict[str, Any] | None = None
    """The request's fields in JSON: ids only. None if the input was no request of its kind, or is not known yet."""
    undecryptable: _Short | None = None
    """Id of the missing key under which the request or the error is encrypted."""
    error_type: Annotated[_Short, Field(min_length=1)]
    """The error's class, as in the search attribute `ErrorType`."""
    message: Annotated[str, _text(MESSAGE_LIMIT, "…")] = ""
    """Holds no personal data and no secret."""
    step: _Short | None = None
    """Activity type of the failed step; None if no step failed, or it is unknown."""
    attempts: Annotated[int, Field(ge=1)] | None = None
    """Attempts of that step."""
    failed_at: AwareDatetime
    """When the run ended; for a stuck run, when it was first seen to be stuck."""


def fingerprint_of(run: FailedRun) -> str:
    """The same for all runs with the same failure."""
    return fingerprint(run.kind, run.error_type, run.step, run.message)


class FailedStep(Value):
    """The step that failed, carried as a detail of the failure."""

    step: str | None = None
    """Activity type."""
    attempts: int | None = None

    @classmethod
    def among(cls, details: Sequence[object]) -> FailedStep:
        """Read it from a failure's details; empty if they don't have it."""
        match list(details):
            case [FailedStep() as failed_step]:
                return failed_step
            case [{"step": str(step), **rest}]:
                attempts = rest.get("attempts")
                return cls(step=step, attempts=attempts if isinstance(attempts, int) and attempts > 0 else None)
            case _:
                return cls()


class DeadLetter(FailedRun):
    """A dead run as stored, and what has become of it."""

    id: int
    fingerprint: str
    first_seen: datetime
    state: DeadLetterState
    state_at: datetime
    by: str | None = None
    """Who made the last move: an operator, or `SWEEP`. None before the first move."""
    note: str = ""


class DeadLetterAction(Value):
    """One entry of a dead letter's audit trail."""

    at: datetime
    by: str
    was: DeadLetterState
    state: DeadLetterState
    note: str


class DeadLetterFilter(BaseModel):
    """Selects the dead letters that match all given fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    states: frozenset[DeadLetterState] | None = None
    kind: str | None = None
    error_type: str | None = None
    fingerprint: str | None = None
    workflow_id: str | None = None
    run_id: str | None = None
    run_ids: frozenset[str] | None = None
    ids: frozenset[int] | None = None
    request: dict[str, str] | None = None
    """Fields of the request with their values: `{"order_id": "1042"}`."""
    since: AwareDatetime | None = None
    """Failed at this time or later."""
    until: AwareDatetime | None = None
    """Failed before this time."""


class DeadLetterGroup(Value):
    """Dead letters with the same fingerprint."""

    count: int
    first: datetime
    last: datetime
    """When the first and the last of them failed."""
    example: DeadLetter
    """The one that failed last."""


class Audit(Value):
    """Who makes a move, and why."""

    by: Name
    note: Note = ""


class DeadLetterRepository(Protocol):
    """The dead letters. Each call is atomic, and may raise a `TransientError`."""

    async def record(self, run: FailedRun) -> DeadLetter | None:
        """Record a dead run and raise its alert, in one transaction. Idempotent.

        Returns the dead letter if it is new or open again; None if it was there. Facts that were unknown or encrypted
        are filled in. A stuck run that failed since keeps its dead letter; one that had continued and failed later has
        it opened again. A discarded one stays discarded. Dead letters of the job's earlier runs are resolved.
        """
        ...

    async def find(self, letter_id: int) -> DeadLetter | None:
        """One dead letter."""
        ...

    async def list(
        self, which: DeadLetterFilter, *, limit: int, after: int | None = None, oldest_first: bool = False
    ) -> Sequence[DeadLetter]:
        """A page in the order of recording, newest first. `after`: the id of the last one seen."""
        ...

    async def count(self, which: DeadLetterFilter) -> int:
        """How many match."""
        ...

    async def waiting(self) -> Mapping[str, int]:
        """How many wait for an operator, by kind; only kinds that have some."""
        ...

    async def groups(self, which: DeadLetterFilter, *, limit: int = 100) -> Sequence[DeadLetterGroup]:
        """Dead letters by fingerprint, the largest group first."""
        ...

    async def move(self, ids: Collection[int], move: Move, audit: Audit) -> Sequence[int]:
        """Move those that are in one of the move's source states; returns their ids, sorted.

        If two callers move the same dead letter at once, one of them gets its id. A dead letter is not opened while
        its job has another one that waits. A redrive moves first and resets then: the sweep opens a dead letter again
        if its job was not restarted.
        """
        ...

    async def actions(self, letter_id: int) -> Sequence[DeadLetterAction]:
        """The audit trail, oldest first."""
        ...
