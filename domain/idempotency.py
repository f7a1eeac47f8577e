"""Requests that may be repeated: the same key and the same request get the same answer, and happen once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Repeatable:
    """What makes a request the same as an earlier one."""

    client: str
    """Whose key it is: two clients may choose the same."""
    key: str
    """Chosen by the client, up to 255 characters."""
    request_hash: bytes
    """SHA-256 of what was asked for."""


@dataclass(frozen=True)
class Answer:
    """A response, as it can be given again."""

    status: int
    body: str
    location: str | None
    replayed: bool = False
    """Whether it was given before."""


class KeyReused(Exception):
    """The client has used the key for another request."""


class StillAtWork(Exception):
    """The first request with this key has not come to its end."""
