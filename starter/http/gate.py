"""Knows which API keys are valid."""

from __future__ import annotations

import contextlib
import hmac
import time
from collections.abc import Callable
from datetime import UTC, datetime

from domain.api_keys import ApiKey, ApiKeyStore, KeyScope, hash_of, id_in
from domain.errors import JobError

_TRUSTED = 5.0
"""Seconds that a key is taken for valid without another look: so long a revoked one may go on."""

_NO_HASH = bytes(32)


class Gate:
    """Tells valid keys from others. Shared by all requests of one event loop."""

    def __init__(
        self,
        keys: ApiKeyStore,
        *,
        scope: KeyScope = KeyScope.http,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`scope`: of the keys it lets in. `clock` is in seconds, and never goes back; `now` is what keys expire by."""
        self._keys = keys
        self._scope = scope
        self._clock = clock
        self._now = now
        self._trusted: dict[bytes, tuple[ApiKey, float]] = {}

    async def key(self, given: str) -> ApiKey | None:
        """The key, where it is valid; None where it isn't, for whatever reason. Raises a TransientError."""
        key_id = id_in(given)
        if key_id is None:
            return None
        given_hash = hash_of(given)
        trusted = self._trusted.get(given_hash)
        if trusted is not None and self._clock() < trusted[1]:
            return trusted[0] if trusted[0].is_valid(self._now()) else None
        self._trusted.pop(given_hash, None)
        found = await self._keys.find(key_id)
        # Compared where there is none, too, so that the time it takes doesn't tell.
        same = hmac.compare_digest(given_hash, found[1] if found else _NO_HASH)
        if found is None or not same or found[0].scope is not self._scope or not found[0].is_valid(self._now()):
            return None
        # Only keys that are valid are remembered: there are few of them, however many others are tried.
        self._trusted[given_hash] = (found[0], self._clock() + _TRUSTED)
        await self._note_use(found[0])
        return found[0]

    async def _note_use(self, key: ApiKey) -> None:
        with contextlib.suppress(JobError):  # nobody's request is to fail because of it
            await self._keys.used(key)
