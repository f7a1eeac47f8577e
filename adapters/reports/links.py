"""Links by which a report can be downloaded without a key: signed, for one report, and for a time."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from itsdangerous import BadData, URLSafeSerializer

from adapters.settings import ReportSettings
from domain.errors import AuthenticationFailed

_SALT = "durable-jobs/report-file"
"""Keeps what else is signed with the same secret from passing for a link."""

_LONGEST = 300
"""Characters of a token. Ours have half of that."""


class SignedLinks:
    """Implements `domain.report_ports.ReportLinks`. A token holds the report's id and its own end; no row is kept."""

    def __init__(self, settings: ReportSettings, *, clock: Callable[[], float] = time.time) -> None:
        """`clock` is in seconds since 1970."""
        self._url = settings.url
        self._lifetime = int(settings.link_lifetime.total_seconds())
        self._clock = clock
        # The last one signs.
        secrets = list(reversed(settings.all_link_secrets))
        options = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
        self._serializer = URLSafeSerializer(secrets, salt=_SALT, signer_kwargs=options) if secrets else None

    def link(self, report_id: UUID) -> str:
        """See `ReportLinks`. Raises AuthenticationFailed where there is no secret to sign it with."""
        if self._serializer is None:
            raise AuthenticationFailed("No link can be made: REPORTS_LINK_SECRETS is empty.")
        token = self._serializer.dumps([report_id.hex, self._end()])
        return f"{self._url}/reports/{report_id}/file?token={token if isinstance(token, str) else token.decode()}"

    def expires_at(self) -> datetime:
        """See `ReportLinks`."""
        return datetime.fromtimestamp(self._end(), UTC)

    def check(self, token: str) -> UUID | None:
        """See `ReportLinks`."""
        if self._serializer is None or len(token) > _LONGEST or not token.isascii():
            return None
        try:
            report, end = self._serializer.loads(token)
            return UUID(hex=report) if self._clock() < end else None
        # All but the first: signed by us, and of another form than ours are now.
        except (BadData, AttributeError, TypeError, ValueError):
            return None

    def _end(self) -> int:
        return int(self._clock()) + self._lifetime
