"""Types that groups of settings share."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

Seconds = Annotated[float, Field(gt=0)]


def _duration(value: object) -> object:
    """A plain number is seconds, as everywhere else; pydantic takes ISO 8601 (`PT1M`) and `00:01:00` besides."""
    if isinstance(value, str) and re.fullmatch(r"\d{1,7}(\.\d+)?", value):
        return float(value)
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration), Field(ge=timedelta())]
