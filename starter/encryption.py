"""The encryption that the environment asks for: `JOBS_ENCRYPTION_KEYS`, or the same in a file.

No message of this module shows a key, nor what may be one in the wrong place.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr
from temporalio.converter import DataConverter

from starter.errors import InvalidStart
from workflows.data_converter import data_converter

if TYPE_CHECKING:
    from workflows.encryption import Keyring

KEYS, KEYS_FILE, DECRYPT_ONLY = "JOBS_ENCRYPTION_KEYS", "JOBS_ENCRYPTION_KEYS_FILE", "JOBS_ENCRYPTION_DECRYPT_ONLY"

_LENGTH = 32
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_MAKE_ONE = "`jobs encryption new-key ID` makes one."
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("", "false", "0", "no", "off")


def configured(environment: Mapping[str, str] | None = None) -> DataConverter:
    """The project's data converter, with the encryption that the environment asks for. Raises InvalidStart."""
    keyring = keyring_from(environment)
    if keyring is None:
        return data_converter
    from workflows.encryption import encrypting

    return encrypting(data_converter, keyring)


def keyring_from(environment: Mapping[str, str] | None = None) -> Keyring | None:
    """The keys that the environment gives; None where it gives none, and says nothing of them. Raises InvalidStart."""
    given = os.environ if environment is None else environment
    decrypt_only = given.get(DECRYPT_ONLY, "").strip().lower()
    if decrypt_only not in (*_TRUE, *_FALSE):
        raise InvalidStart(f"{DECRYPT_ONLY} must be true or false.")
    keys = _keys(given)
    if not keys:
        if decrypt_only:
            # Who says true or false means to encrypt; where a key got lost on its way, all would be kept in clear.
            missing = "names an empty file" if given.get(KEYS_FILE, "").strip() else f"names none, nor is {KEYS} set"
            raise InvalidStart(
                f"{DECRYPT_ONLY} is set, and there is no key: {KEYS_FILE} {missing}. {_MAKE_ONE} Where nothing is to "
                f"be encrypted, take {DECRYPT_ONLY} away."
            )
        return None
    # Imported here: it takes time, and most processes have no keys.
    from workflows.encryption import Keyring

    return Keyring(keys, encrypts=decrypt_only in _FALSE)


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


def _keys(given: Mapping[str, str]) -> dict[str, bytes]:
    told, path = given.get(KEYS, "").strip(), given.get(KEYS_FILE, "").strip()
    if told and path:
        raise InvalidStart(f"Set one of {KEYS} and {KEYS_FILE}, not both.")
    if not path:
        return _parsed(KEYS, told.split(",") if told else [])
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeError) as exc:
        why = getattr(exc, "strerror", None) or "it is no text"
        raise InvalidStart(f"{KEYS_FILE} names a file that cannot be read: {why}.") from None
    lines = [line.partition("#")[0] for line in text.splitlines()]
    keys = _parsed(KEYS_FILE, [entry for line in lines for entry in line.split(",") if entry.strip()])
    # An empty file is as good as none, as other secrets' are (but see above); one with text and no key is a slip.
    if not keys and text.strip():
        # Or nothing would be encrypted, and nobody would know.
        raise InvalidStart(f"{KEYS_FILE} names a file without a key. {_MAKE_ONE}")
    return keys


def _parsed(setting: str, entries: list[str]) -> dict[str, bytes]:
    keys: dict[str, bytes] = {}
    for number, entry in enumerate(entries, 1):
        key_id, colon, encoded = (part.strip() for part in entry.partition(":"))
        if not colon or not _ID.fullmatch(key_id):
            raise InvalidStart(
                f"{setting}: entry {number} is not of the form <id>:<base64 of {_LENGTH} bytes>. {_MAKE_ONE}"
            )
        key = _decoded(encoded)
        if len(key) != _LENGTH:
            raise InvalidStart(f"{setting}: the key {key_id!r} is not {_LENGTH} bytes in base64. {_MAKE_ONE}")
        if key_id in keys:
            raise InvalidStart(f"{setting}: the key {key_id!r} is there twice. Give each key an id of its own.")
        keys[key_id] = key
    return keys


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return b""
