"""Who may have something decrypted: who sends an API key of the scope `codec`, or has signed in by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import Request

from domain.api_keys import ApiKey, ApiKeyStore, KeyScope
from starter.http.gate import Gate
from starter.http.problems import Problem, ProblemType

COOKIE = "durable_jobs_codec"
_TRUSTED = 5.0
"""Seconds that a session is taken for valid without another look: so long that of a revoked key may go on."""


@dataclass(frozen=True)
class Visitor:
    """Who asks."""

    key: ApiKey
    by_cookie: bool


class Access:
    """Tells who asks. A session is the id of a key, signed: where the key is revoked, the session ends."""

    def __init__(
        self,
        keys: ApiKeyStore,
        *,
        secrets: Sequence[bytes],
        session: timedelta,
        origins: Sequence[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`secrets` sign sessions: the last one does, each is known. `origins` are those of the Web UI."""
        self.gate = Gate(keys, scope=KeyScope.codec)
        self.session = session
        self._keys = keys
        self._origins = frozenset(origins)
        self._signer = URLSafeTimedSerializer([*secrets], salt="codec-session")
        self._clock = clock
        self._trusted: dict[str, tuple[ApiKey, float]] = {}

    def session_of(self, key: ApiKey) -> str:
        """What a browser keeps once somebody has signed in with this key."""
        return self._signer.dumps(key.id)

    async def visitor(self, request: Request) -> Visitor:
        """Who asks. Raises a Problem, 401, where that isn't known; a TransientError."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and (key := await self.gate.key(given.strip())) is not None:
            return Visitor(key, by_cookie=False)
        key = await self._signed_in(request.cookies.get(COOKIE))
        if key is None:
            raise Problem(
                ProblemType.unauthorized,
                "Send `Authorization: Bearer dj_…` with a key of `jobs api-keys create NAME --codec`; or sign in with "
                f"it at {request.base_url}, in the browser that has the Web UI.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return Visitor(key, by_cookie=True)

    async def allowed(self, request: Request) -> Visitor:
        """Who asks, and may. Raises as `visitor` does.

        A browser sends the cookie along whatever page makes it ask; so the page has to be the Web UI's.
        """
        visitor = await self.visitor(request)
        if visitor.by_cookie and request.headers.get("origin") not in self._origins:
            raise Problem(
                ProblemType.unauthorized,
                "This page may not ask. Where it is the Web UI, set CODEC_ORIGINS to its address.",
            )
        return visitor

    async def _signed_in(self, cookie: str | None) -> ApiKey | None:
        if not cookie:
            return None
        try:
            key_id = self._signer.loads(cookie, max_age=round(self.session.total_seconds()))
        except BadSignature:
            return None
        key, until = self._trusted.get(key_id, (None, 0.0))
        if key is None or self._clock() >= until:
            self._trusted.pop(key_id, None)
            found = await self._keys.find(key_id)
            if found is None or found[0].scope is not KeyScope.codec:
                return None
            key = found[0]
            self._trusted[key_id] = (key, self._clock() + _TRUSTED)
        return key if key.is_valid(datetime.now(UTC)) else None
