"""Dead letters: the jobs that a person must look at, and what people did about them.

A run is dead that failed, ran out of its time, was terminated, or does not come on by itself. It has one letter, for
ever. A job, which is all runs of one workflow id, has at most one letter that is open or acknowledged: that of its last
dead run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Protocol

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from domain.fingerprints import fingerprint
from domain.texts import Name, Note

MESSAGE_LIMIT = 1000
"""Most characters that are kept of why a run is dead."""
_NAME_LIMIT = 255

SWEEP = "sweep"
"""Who moved a letter, where no person did."""


class DeathCause(StrEnum):
    """How a run died: a closed set."""

    failed = "failed"
    timed_out = "timed-out"
    """The run itself; of a step that timed out the run fails."""
    terminated = "terminated"
    stuck = "stuck"
    """Running, but its workflow tasks fail: a bug, or code that does not fit its history, or an unknown kind."""
    no_worker = "no-worker"
    """Running, but nobody has taken its first task."""

    @property
    def final(self) -> bool:
        """Whether the run has ended: others may come on by themselves, once code or a worker is there."""
        return self not in (DeathCause.stuck, DeathCause.no_worker)


class LetterState(StrEnum):
    """What became of a letter: a closed set."""

    open = "open"
    acknowledged = "acknowledged"
    """Somebody looks after it."""
    redriven = "redriven"
    """The job was told to go on; how that ends is not known yet."""
    resolved = "resolved"
    """The job went on and is well, or a later run of it is dead and has a letter of its own."""
    discarded = "discarded"
    """Somebody decided that nothing will be done about it. It stays so."""


WAITING = frozenset({LetterState.open, LetterState.acknowledged})
"""The job needs a person."""

UNSETTLED = WAITING | {LetterState.redriven}
"""States that the sweep looks after."""


def _text(value: object) -> object:
    # PostgreSQL holds no NUL, and UTF-8 no lone surrogates.
    return value.replace("\0", "").encode(errors="replace").decode() if isinstance(value, str) else value


def _short(value: object) -> object:
    text = _text(value)
    return text[:_NAME_LIMIT] if isinstance(text, str) else text


def _message(value: object) -> object:
    text = _text(value)
    return text[: MESSAGE_LIMIT - 1] + "…" if isinstance(text, str) and len(text) > MESSAGE_LIMIT else text


def _with_zone(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("say the time zone too, as in 2026-11-24T12:00:00Z")
    return moment


_Short = Annotated[str, BeforeValidator(_short)]
_Moment = Annotated[datetime, AfterValidator(_with_zone)]


class DeadRun(BaseModel):
    """A run that is dead, with what retention would drop. Names and messages that are too long are cut."""

    model_config = ConfigDict(frozen=True)

    workflow_id: Annotated[str, BeforeValidator(_text), Field(min_length=1, max_length=1000)]
    run_id: Annotated[str, Field(min_length=1, max_length=100)]
    kind: Annotated[_Short, Field(min_length=1)]
    """`order-confirmation`; of a workflow that no kind has, made of its type in the same way."""
    queue: Annotated[_Short, Field(min_length=1)]
    cause: DeathCause
    request: dict[str, Any] | None = None
    """The request's fields in JSON: ids alone. None where the input was no request of its kind, or is not known yet."""
    undecryptable: _Short | None = None
    """Id of the key under which request or error are encrypted, and which whoever looked at the run lacked."""
    error_type: Annotated[_Short, Field(min_length=1)]
    """The error's class, the one that the search attribute `ErrorType` has."""
    message: Annotated[str, BeforeValidator(_message)] = ""
    """No personal data and no secret."""
    step: _Short | None = None
    """Type of the activity that failed; None where it was none, or is not known."""
    attempts: Annotated[int, Field(ge=1)] | None = None
    """Of that step."""
    failed_at: _Moment
    """When it ended; of a run that is stuck, since when it is seen to be."""

    @property
    def fingerprint(self) -> str:
        """The same for all that have died of the same."""
        return fingerprint(self.kind, self.error_type, self.step, self.message)


class FailedStep(BaseModel):
    """What a failure tells of the step that failed; kept as the detail of it."""

    model_config = ConfigDict(frozen=True)

    step: str | None = None
    """Type of the activity."""
    attempts: int | None = None

    @classmethod
    def among(cls, details: Sequence[object]) -> FailedStep:
        """What the details of a failure tell; with nothing in it where they tell nothing."""
        match list(details):
            case [FailedStep() as told]:
                return told
            case [{"step": str(step), **rest}]:
                attempts = rest.get("attempts")
                return cls(step=step, attempts=attempts if isinstance(attempts, int) and attempts > 0 else None)
            case _:
                return cls()


class Letter(BaseModel):
    """What is kept of a dead run, and what became of it."""

    model_config = ConfigDict(frozen=True)

    id: int
    run: DeadRun
    fingerprint: str
    first_seen: datetime
    """When it was recorded first."""
    state: LetterState
    state_at: datetime
    by: str | None = None
    """Who moved it to its state last: a person, or `SWEEP`; None where nobody did."""
    note: str = ""


class LetterAction(BaseModel):
    """Who did what with a letter."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    by: str
    was: LetterState
    state: LetterState
    note: str


class LetterFilter(BaseModel):
    """Which letters: those that everything fits that is given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    states: frozenset[LetterState] | None = None
    kind: str | None = None
    error_type: str | None = None
    fingerprint: str | None = None
    workflow_id: str | None = None
    run_id: str | None = None
    run_ids: frozenset[str] | None = None
    ids: frozenset[int] | None = None
    request: dict[str, str] | None = None
    """Fields of the request with their values: `{"order_id": "1042"}`."""
    since: _Moment | None = None
    """Failed then or later."""
    until: _Moment | None = None
    """Failed before."""


class Group(BaseModel):
    """Letters that have died of the same."""

    model_config = ConfigDict(frozen=True)

    fingerprint: str
    kind: str
    error_type: str
    step: str | None
    message: str
    """Of the example."""
    count: int
    first: datetime
    last: datetime
    """When the first and the last of them failed."""
    example: Letter
    """The one that failed last."""


class Moved(BaseModel):
    """By whom a letter is moved, and why: checked before anything is done."""

    model_config = ConfigDict(frozen=True)

    by: Name
    note: Note = ""


class DeadLetters(Protocol):
    """The letters. Each call may raise a `TransientError`, and does nothing then, or all of it."""

    async def record(self, run: DeadRun) -> Letter | None:
        """Record a dead run, and raise the alert that tells of it, in one transaction; can be called again.

        Returns the letter where it is new or open again; None where it was there. What was not known of it before, or
        could not be decrypted, is added. A run that was stuck and has died since keeps its letter, which says so; one
        that had come on and is dead now has its letter opened again. A discarded one stays discarded. The job's earlier
        letters are resolved.
        """
        ...

    async def find(self, letter_id: int) -> Letter | None:
        """One letter."""
        ...

    async def list(
        self, which: LetterFilter, *, limit: int, after: int | None = None, oldest_first: bool = False
    ) -> Sequence[Letter]:
        """A page of letters in the order in which they were recorded, the newest first. `after`: the last one's id."""
        ...

    async def count(self, which: LetterFilter) -> int:
        """How many there are."""
        ...

    async def waiting(self) -> Mapping[str, int]:
        """How many wait for a person, by kind; kinds of which none does are left out."""
        ...

    async def groups(self, which: LetterFilter, *, limit: int = 100) -> Sequence[Group]:
        """Letters by what they have died of, most of the same first."""
        ...

    async def move(
        self,
        ids: Collection[int],
        to: LetterState,
        *,
        moved: Moved,
        only: Collection[LetterState] | None = None,
    ) -> Sequence[int]:
        """Move letters to a state, and keep who did and why; returns the ids of those that were moved, sorted.

        Those alone that are in one of the states `only`, and not in the new one already: of two who move the same
        letter at once, one is told its id. A letter is not opened again while the job has another one that waits.
        Whoever redrives moves first and resets then: the sweep opens a letter again whose job was not restarted.
        """
        ...

    async def actions(self, letter_id: int) -> Sequence[LetterAction]:
        """What was done with a letter, the first first."""
        ...
