"""What every job's request has in common: it is frozen, holds ids only, and names its workflow."""

from __future__ import annotations

import re
import types
import typing
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

EntityId = Annotated[int, Field(gt=0, le=2**63 - 1)]
"""A row's number in the database."""

ShortText = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\s/]+$")]
"""An id that someone else gave out: no white space, no slash, up to 255 characters."""

START_OPTIONS = frozenset(
    {
        *("--delay", "--priority", "--fairness-key", "--restart", "--wait", "--timeout"),
        *("--check", "--no-check", "--json", "--help"),
    }
)
"""Options that the command which starts a job has for all kinds. A field of that name is given by another one."""

_PLAIN = (int, str, bool, date, datetime, UUID)


class JobRequest(BaseModel):
    """The request of one kind of job. Subclass it as `<Noun>Request`, with ids as its fields.

    Job data is ids only: what the job works on is loaded when it runs, since it may have changed by then, and since
    the request is kept in Temporal's history. A field of another type than an id, a date or a choice is refused when
    the class is made.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ClassVar[str] = ""
    """The kind on the wire: `order-confirmation`. A class that gives none has it from its name:
    `OrderConfirmationRequest`."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Name the kind and check that the fields are ids. Raises TypeError, naming the field, where they aren't."""
        super().__pydantic_init_subclass__(**kwargs)
        if "kind" not in cls.__dict__:
            if not cls.__name__.endswith("Request"):
                raise TypeError(f"{cls.__name__}: call it <Noun>Request, or give it a `kind`")
            cls.kind = kind_name(cls.__name__.removesuffix("Request"))
        if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", cls.kind):
            raise TypeError(f"{cls.__name__}: kind {cls.kind!r} is not of the form order-confirmation")
        for name, field in cls.model_fields.items():
            if not _is_plain(field.annotation):
                raise TypeError(
                    f"{cls.__name__}.{name}: a request holds ids, dates and choices only; load the rest in an activity"
                )
            longest = [m.max_length for m in field.metadata if hasattr(m, "max_length")]
            if field.annotation is str and not longest:
                raise TypeError(f"{cls.__name__}.{name}: limit its length (domain.requests.ShortText does)")
        cls._check_options()

    @classmethod
    def _check_options(cls) -> None:
        owners: dict[str, str] = {}
        for name, field in cls.model_fields.items():
            option = option_name(name)
            for each in [option, negated(option)] if _holds_bool(field.annotation) else [option]:
                if owners.setdefault(each, name) != name:
                    raise TypeError(
                        f"{cls.__name__}: {owners[each]} and {name} would both be given by {each}: rename one"
                    )

    @property
    def ids(self) -> dict[str, str]:
        """Search attributes of the run: each field `…_id` under its name in Temporal, `order_id` → `OrderId`."""
        return {
            attribute: str(value)
            for name, attribute in self.search_attributes().items()
            if (value := getattr(self, name)) is not None
        }

    @classmethod
    def search_attributes(cls) -> dict[str, str]:
        """Field → search attribute, for the fields that are ids."""
        return {
            name: "".join(part.capitalize() for part in name.split("_"))
            for name in cls.model_fields
            if name.endswith("_id")
        }

    @property
    def business_id(self) -> str:
        """What makes the event unique among its kind; all fields joined, unless a subclass says otherwise."""
        return "/".join(str(getattr(self, name)) for name in type(self).model_fields)

    @property
    def workflow_id(self) -> str:
        """`<kind>/<business id>`, as in `order-confirmation/1042`."""
        return f"{self.kind}/{self.business_id}"

    @property
    def summary(self) -> str:
        """One line for the Web UI."""
        return f"{self.kind.replace('-', ' ').capitalize()} {self.business_id}"


def kind_name(noun: str) -> str:
    """`OrderConfirmation` → `order-confirmation`: a kind's name on the wire, from its workflow's."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", noun).lower()


def option_name(field: str) -> str:
    """Option by which the command that starts a job takes a request's field: `order_id` → `--order-id`."""
    option = "--" + field.replace("_", "-")
    return f"--job-{option[2:]}" if option in START_OPTIONS else option


def negated(option: str) -> str:
    """The option for no where that one is for yes: `--draft` → `--no-draft`."""
    return f"--no-{option[2:]}"


def _holds_bool(annotation: Any) -> bool:
    return annotation is bool or bool in typing.get_args(annotation)


def _is_plain(annotation: Any) -> bool:
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return _is_plain(typing.get_args(annotation)[0])
    if origin is Literal:
        return True
    if origin in (typing.Union, types.UnionType):
        return all(arg is type(None) or _is_plain(arg) for arg in typing.get_args(annotation))
    return isinstance(annotation, type) and (annotation in _PLAIN or issubclass(annotation, Enum))
