"""How a job can end without having failed: a closed set."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Reason = Annotated[str, Field(pattern=r"^[a-z]+(-[a-z]+)*$", max_length=80)]
"""A cause as a constant of the code, `order-not-found`; never free text, which could hold personal data."""


FactName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
FactText = Annotated[str, Field(max_length=100)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Done(_Frozen):
    """The job did what it was asked for."""

    outcome: Literal["done"] = "done"
    reference: str | None = None
    """Id of what it made: the delivery's key, the file's storage key."""
    facts: dict[FactName, int | FactText] = {}
    """Small facts about what it made: a file's size. Never personal data."""


class Skipped(_Frozen):
    """There was nothing to do: it is done already, or what it was about is gone."""

    outcome: Literal["skipped"] = "skipped"
    reason: Reason


class Declined(_Frozen):
    """Someone with the right to say no said no: a card was declined."""

    outcome: Literal["declined"] = "declined"
    reason: Reason


Outcome = Annotated[Done | Skipped | Declined, Field(discriminator="outcome")]
