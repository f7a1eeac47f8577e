"""The base of models that are only values."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """Cannot be changed once it is made."""

    model_config = ConfigDict(frozen=True)
