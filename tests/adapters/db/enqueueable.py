"""Kinds of job whose requests have fields of all types that there are, and rules of all sorts."""

from __future__ import annotations

from datetime import date, datetime
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import UUID4, AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from domain.requests import EntityId, JobRequest, ShortText


class Colour(Enum):
    red = "r"
    blue = "b b"
    first = 1


class Form(StrEnum):
    pdf = "pdf"
    xlsx = "xlsx"


class Level(IntEnum):
    low = 1
    high = 20


class NumbersRequest(JobRequest):
    order_id: EntityId
    percent: Annotated[int, Field(ge=0, lt=101)] = 50
    dozen: Annotated[int, Field(multiple_of=12)] = 24
    any_number: int = -7


class TextsRequest(JobRequest):
    event_id: ShortText
    code: Annotated[str, Field(max_length=8, pattern=r"^[A-Z]{2}[0-9]{2,6}$")] = "AB123456"
    note: Annotated[str, Field(max_length=5)] = ""
    name: Annotated[str, Field(min_length=2, max_length=300, pattern=r"^[^\s/]+(?: \S+)*$")] = "Zoë"


class DaysRequest(JobRequest):
    day: date
    this_century: Annotated[date, Field(ge=date(2000, 1, 1), lt=date(2100, 1, 1))] = date(2026, 1, 31)
    run_id: UUID = UUID("123e4567-e89b-42d3-a456-426614174000")


class TimesRequest(JobRequest):
    at: datetime
    until: datetime | None = None


class ChoicesRequest(JobRequest):
    colour: Colour = Colour.red
    other_colour: Colour = Colour.first
    form: Form = Form.pdf
    level: Level = Level.high
    channel: Literal["mail", "sms", 7] = "sms"
    yes: Literal[True] = True
    no: bool = False


class OptionalRequest(JobRequest):
    customer_id: EntityId | None
    day: date | None = None
    note: ShortText | None = "none"
    colour: Colour | None = Colour.blue
    draft: bool | None = True
    channel: Literal["mail", None] = None


class WithoutFieldsRequest(JobRequest):
    pass


CHECKED_BY_BOTH: list[type[JobRequest]] = [
    NumbersRequest,
    TextsRequest,
    DaysRequest,
    TimesRequest,
    ChoicesRequest,
    OptionalRequest,
    WithoutFieldsRequest,
]


class OwnRulesRequest(JobRequest):
    """Each with a rule that the database doesn't know, or knows a part of."""

    even: Annotated[int, AfterValidator(lambda number: number - number % 2)] = 2
    number: Annotated[int, BeforeValidator(lambda given: int(str(given)))] = 1
    either: int | ShortText = 1
    trimmed: Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, max_length=3)] = "a"
    word: Annotated[str, Field(max_length=9, pattern=r"(?i)^[a-z]+\b")] = "a"
    name: Annotated[str, Field(max_length=9, pattern=r"^\w[^\d]*(\s\D\W?)*$")] = "Zoë"
    random_id: UUID4 = UUID("123e4567-e89b-42d3-a456-426614174000")
    mixed: Literal[1, True, "x"] = 1
    of_members: Literal[Colour.red, "x"] = "x"
    today: date = Field(default_factory=lambda: date(2026, 1, 31))


class EvenRequest(JobRequest):
    even: Annotated[int, AfterValidator(lambda number: number - number % 2)]


class MixedRequest(JobRequest):
    mixed: Literal[1, True, "x"]


class OpenRequest(JobRequest):
    model_config = ConfigDict(extra="ignore")

    order_id: EntityId


class AliasRequest(JobRequest):
    order_id: EntityId = Field(alias="orderId")
    note: ShortText = "x"


class RewrittenRequest(JobRequest):
    order_id: EntityId

    @model_validator(mode="before")
    @classmethod
    def _may_be_text(cls, given: Any) -> Any:
        return {"order_id": int(str(given["number"]))} if isinstance(given, dict) and "number" in given else given


class TrimmedRequest(JobRequest):
    model_config = ConfigDict(str_strip_whitespace=True)

    note: Annotated[str, Field(max_length=3)]


class TwoFieldsRequest(JobRequest):
    first: EntityId
    second: EntityId

    @model_validator(mode="after")
    def _ordered(self) -> TwoFieldsRequest:
        if self.first > self.second:
            raise ValueError("the first comes first")
        return self


class NamedRequest(JobRequest):
    order_id: EntityId

    @property
    def business_id(self) -> str:
        return f"order-{self.order_id}"


CHECKED_IN_PART: list[type[JobRequest]] = [
    OwnRulesRequest,
    EvenRequest,
    MixedRequest,
    OpenRequest,
    AliasRequest,
    RewrittenRequest,
    TrimmedRequest,
    TwoFieldsRequest,
    NamedRequest,
]
