"""Texts that people type in: what they may hold, in a pattern and in words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


@dataclass(frozen=True)
class Shape:
    """A text's pattern, and the words for it."""

    pattern: str
    expected: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "pattern": self.pattern}

    def _checked(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text):
            raise PydanticCustomError("shape", "must be {expected}", {"expected": self.expected})
        return text


_LINE = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"

Name = Annotated[
    str, Field(min_length=1, max_length=200), Shape(_LINE, "a text of one line, and not only of white space")
]
Note = Annotated[
    str,
    Field(max_length=1000),
    Shape(r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$", "a text without control characters (line breaks are fine)"),
]
EmailAddress = Annotated[
    str,
    Field(max_length=254),
    # Only what would break a mail's envelope or headers; whether an address exists, the mail server knows.
    Shape(r"^[^\s@\x00-\x1f\x7f-\x9f]+@[^\s@\x00-\x1f\x7f-\x9f]+$", "a mail address, such as ada@example.com"),
]
Locale = Annotated[
    str,
    Field(max_length=40),
    Shape(
        r"^[a-z]{2,3}(_[A-Z][a-z]{3})?(_([A-Z]{2}|[0-9]{3}))?(_[A-Z0-9]{4,8})*$",
        "a CLDR locale, such as de_CH",
    ),
]
CurrencyCode = Annotated[str, Field(min_length=3, max_length=3), Shape("^[A-Z]{3}$", "an ISO 4217 code, such as EUR")]
