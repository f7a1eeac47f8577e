"""The encryption that the environment asks for: `JOBS_ENCRYPTION_KEYS`, or the same in a file.

No message of this module shows a key, nor text that may be a key in the wrong place.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr
from temporalio.converter import DataConverter

from domain.encryption_keys import WHERE
from starter.errors import InvalidStart
from workflows.data_converter import data_converter

if TYPE_CHECKING:
    from workflows.encryption import Keyring

KEYS, KEYS_FILE, DECRYPT_ONLY = "JOBS_ENCRYPTION_KEYS", "JOBS_ENCRYPTION_KEYS_FILE", "JOBS_ENCRYPTION_DECRYPT_ONLY"

_LENGTH = 32
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("", "false", "0", "no", "off")


def configured(environment: Mapping[str, str] | None = None) -> DataConverter:
    """The project's data converter, with the encryption that the environment asks for. Raises InvalidStart."""
    keyring = keyring_from(environment)
    if keyring is None:
        return data_converter
    from workflows.encryption import encrypting

    return encrypting(data_converter, keyring)


def keyring_from(environment: Mapping[str, str] | None = None) -> Keyring | None:
    """The keys that the environment gives; None if it gives none. Raises InvalidStart."""
    given = os.environ if environment is None else environment
    decrypt_only = given.get(DECRYPT_ONLY, "").strip().lower()
    if decrypt_only not in (*_TRUE, *_FALSE):
        raise InvalidStart(f"{DECRYPT_ONLY} must be true or false.")
    keys = _parsed(_text(given))
    if not keys:
        if decrypt_only:
            # Whoever sets it means to encrypt: if a key was lost on its way, everything would be kept in clear.
            raise InvalidStart(
                f"{DECRYPT_ONLY} is set, and there is no key in {WHERE}. `jobs encryption new-key ID` makes one. If "
                f"nothing is to be encrypted, remove {DECRYPT_ONLY}."
            )
        return None
    # Imported here: it takes time, and most processes have no keys.
    from workflows.encryption import Keyring

    return Keyring(keys, encrypts=decrypt_only in _FALSE)


def describe(keyring: Keyring | None) -> str:
    """What this process does with its keys, by their ids."""
    if keyring is None:
        return f"off (no keys in {WHERE})"
    first = f"{keyring.current} encrypts" if keyring.current else f"nothing is encrypted ({DECRYPT_ONLY})"
    return f"{first}; keys to decrypt: {', '.join(keyring.ids)}"


def shown_settings() -> dict[str, str | SecretStr | None]:
    """The settings by their names, of which the keys are secrets."""
    keys = os.environ.get(KEYS)
    return {
        KEYS: SecretStr(keys) if keys else None,
        KEYS_FILE: os.environ.get(KEYS_FILE),
        DECRYPT_ONLY: os.environ.get(DECRYPT_ONLY),
    }


def new_key(key_id: str) -> str:
    """A new random key, as the settings have it: `<id>:<base64>`. Raises InvalidStart for an id that cannot be."""
    if not _ID.fullmatch(key_id):
        raise InvalidStart("A key's id has up to 63 letters, digits, dots, dashes and underscores: 2026-11, say.")
    return f"{key_id}:{base64.b64encode(secrets.token_bytes(_LENGTH)).decode()}"


def _text(given: Mapping[str, str]) -> str:
    value, path = given.get(KEYS, "").strip(), given.get(KEYS_FILE, "").strip()
    if value and path:
        raise InvalidStart(f"Set one of {KEYS} and {KEYS_FILE}, not both.")
    if not path:
        return value
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as exc:
        raise InvalidStart(f"{KEYS_FILE} names a file that cannot be read ({type(exc).__name__}).") from None
    keys = "\n".join(line.partition("#")[0] for line in text.splitlines()).strip()
    if text and not keys:
        # An empty file is as good as none. One with text and no key is a slip, and nothing would be encrypted.
        raise InvalidStart(f"{KEYS_FILE} names a file without a key. `jobs encryption new-key ID` makes one.")
    return keys


def _parsed(text: str) -> dict[str, bytes]:
    """Keys by id, from entries with commas or line ends between them."""
    keys: dict[str, bytes] = {}
    for number, entry in enumerate(re.split(r"\s*[,\n]\s*", text) if text else [], 1):
        key_id, _, encoded = (part.strip() for part in entry.partition(":"))
        try:
            key = base64.b64decode(encoded, validate=True)
        except ValueError:
            key = b""
        if not _ID.fullmatch(key_id) or len(key) != _LENGTH:
            raise InvalidStart(
                f"{WHERE}: entry {number} is not of the form <id>:<base64 of {_LENGTH} bytes>. "
                f"`jobs encryption new-key ID` makes one."
            )
        if key_id in keys:
            raise InvalidStart(f"{WHERE}: the key {key_id!r} is there twice. Give each key an id of its own.")
        keys[key_id] = key
    return keys
