"""The visitor's key for the HTTP interface: made once, and kept in the demo's folder."""

from __future__ import annotations

import hmac
import os
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from adapters.db.api_keys import SqlApiKeys
from adapters.db.engine import make_engine
from adapters.settings import DatabaseSettings
from domain.api_keys import hash_of, id_in, new_secret

_NAME = "demo"


async def visitors_key(database_url: str, folder: Path) -> str:
    """The key that the folder has, or a new one where it has none that is valid. Raises `JobError`s."""
    path = folder / "api-key"
    engine = make_engine(DatabaseSettings(url=SecretStr(database_url)), application_name="demo-key", pooled=False)
    try:
        keys = SqlApiKeys(engine)
        if path.exists() and await _is_valid(kept := path.read_text().strip(), keys):
            return kept
        secret = new_secret()
        await keys.add(secret, _NAME, lifetime=None)
    finally:
        await engine.dispose()
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secret.key + "\n")
    return secret.key


async def _is_valid(key: str, keys: SqlApiKeys) -> bool:
    key_id = id_in(key)
    found = await keys.find(key_id) if key_id else None
    return found is not None and hmac.compare_digest(found[1], hash_of(key)) and found[0].is_valid(datetime.now(UTC))
