"""How far a running job is."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from domain.values import Value


class Progress(Value):
    """How far a running job is; what its workflow answers to the query `progress`, and kept small for that."""

    done: Annotated[int, Field(ge=0)]
    of: Annotated[int, Field(ge=0)]
    """Of how many it is. An estimate: `done` can be more in the end."""
    unit: Annotated[str, Field(min_length=1, max_length=20)] = "rows"
    """What is counted, in the plural."""
