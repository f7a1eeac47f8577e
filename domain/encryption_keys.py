"""Which keys encrypt what Temporal keeps, as the database remembers: so that no worker runs without one of them.

Of a key only its id and a check value are kept, by which the right key is told from a wrong one.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from pydantic import BaseModel, ConfigDict

WHERE = "JOBS_ENCRYPTION_KEYS, or the file that JOBS_ENCRYPTION_KEYS_FILE names"
"""Where a process has its keys, as messages say it."""


class KnownKey(BaseModel):
    """A key that some process had. Times are in UTC."""

    model_config = ConfigDict(frozen=True)

    id: str
    check: bytes
    """Derived from the key; nothing can be decrypted by it."""
    first_seen: datetime
    encrypts_since: datetime | None
    """None where it has only been made known yet: nothing is encrypted under it."""
    retired_at: datetime | None
    """Since when nobody needs it any more."""


class KeyStore(Protocol):
    """Where they are kept. Each call may raise a `TransientError`."""

    async def all(self) -> list[KnownKey]:
        """All keys, the oldest first."""
        ...

    async def keep(self, key_id: str, check: bytes, *, encrypts: bool) -> None:
        """Make a key known, or as one that encrypts from now on. What is known of it already stays."""
        ...


def problem_of(known: Sequence[KnownKey], held: Mapping[str, bytes], current: str | None) -> str | None:
    """Why a process that holds these keys (check values by id) may not run: a sentence for people; None where it may.

    `current` is the key that it would encrypt under.
    """
    for key in known:
        check = held.get(key.id)
        if check is None:
            if key.encrypts_since is not None and key.retired_at is None:
                return (
                    f"Jobs are encrypted under the key {key.id!r}, which this process does not have"
                    f"{'' if held else ' (nor any other)'}. Add it to {WHERE}; or, once no job needs it any more, run "
                    f"`jobs encryption retire {key.id}`."
                )
        elif not hmac.compare_digest(check, key.check):
            return (
                f"The encryption key {key.id!r} of this process ({WHERE}) is another one than the key of that id which "
                f"is in use since {key.first_seen:%Y-%m-%d}. Set that one, or give the new one an id of its own."
            )
        elif key.retired_at is not None and key.id == current:
            return (
                f"The encryption key {key.id!r} is retired, and may encrypt nothing any more. Put another one first in "
                f"{WHERE}; or, where it is needed after all, run `jobs encryption restore {key.id}`."
            )
    return None
