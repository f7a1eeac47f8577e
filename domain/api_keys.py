"""Keys by which programs prove who they are to the HTTP interface, and people to the codec server; and their port.

A key is `dj_<id>_<secret>`. The id is no secret: lists and logs may show it. Of the rest only a hash is kept, and a
plain one does, since nobody guesses 256 random bits.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from domain.values import Value

_FORM = re.compile("dj_([0-9a-f]{12})_[0-9a-f]{64}")


class KeyScope(StrEnum):
    """What a key opens; none opens both."""

    http = "http"
    """The HTTP interface."""
    codec = "codec"
    """The codec server, which decrypts."""


class ApiKey(Value):
    """A key, without its secret. Times are in UTC."""

    id: str
    name: str
    """Of the client who has it. Keys of the same name are the same client's, so that one can take another's place."""
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    """To within some minutes."""
    scope: KeyScope = KeyScope.http

    def is_valid(self, now: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True)
class NewSecret:
    """A key that was made just now."""

    id: str
    key: str
    """The whole of it. Shown once, kept nowhere."""

    @property
    def hash(self) -> bytes:
        """What is kept of it."""
        return hash_of(self.key)


def new_secret() -> NewSecret:
    """Make a key."""
    id_ = secrets.token_hex(6)
    return NewSecret(id_, f"dj_{id_}_{secrets.token_hex(32)}")


def hash_of(key: str) -> bytes:
    """What is kept of a key."""
    return hashlib.sha256(key.encode()).digest()


def id_in(key: str) -> str | None:
    """The id that a key names; None where it isn't even of a key's form."""
    found = _FORM.fullmatch(key)
    return found[1] if found else None


class ApiKeyStore(Protocol):
    """Where keys are kept. Each call may raise a `TransientError`."""

    async def find(self, key_id: str) -> tuple[ApiKey, bytes] | None:
        """The key of this id, and its hash; None where there is none."""
        ...

    async def used(self, key: ApiKey) -> None:
        """Note that the key is in use, where that was not noted in the last minutes."""
        ...
