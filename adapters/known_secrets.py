"""The secrets that this process was given, so that they can be taken out of what others write.

Drivers, libraries and tracebacks quote what they were called with. Our own texts show none in the first place.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from adapters.alert_settings import SecretUrls, split
from adapters.configuration import Mask
from adapters.secret_files import NAMES

_ENCRYPTION_KEYS, _ENCRYPTION_KEYS_FILE = "JOBS_ENCRYPTION_KEYS", "JOBS_ENCRYPTION_KEYS_FILE"
_OF_TEMPORAL = re.compile(r"TEMPORAL_(GRPC_META_.+|CODEC_AUTH|TLS_CLIENT_KEY_DATA)")
"""What Temporal's SDK reads beside its API key: headers of each call, and a private key."""
_ALERT_URLS = "ALERT_URLS"
_SHORTEST = 8
"""Shorter ones would be found everywhere, and the log could not be read."""


def mask(environment: Mapping[str, str] | None = None) -> Mask:
    """Takes all of them out of a text, also in the forms that JSON and URLs give them."""
    given = os.environ if environment is None else environment
    return Mask(found for found in _known(given) if len(found) >= _SHORTEST)


def _known(given: Mapping[str, str]) -> Iterator[str]:
    for name, value in given.items():
        if _OF_TEMPORAL.fullmatch(name):
            # Of a PEM file each line, for its ends of lines are written in several ways; of `Bearer <token>` the token.
            for line in (line.strip() for line in value.splitlines() if not line.startswith("-----")):
                yield from (line, line.rpartition(" ")[2])
    for name in (*NAMES, _ENCRYPTION_KEYS):
        value = (given.get(name) or (_kept_in_file(given) if name == _ENCRYPTION_KEYS else "")).strip()
        if not value:
            continue
        if name == _ALERT_URLS:
            for url in split(SecretUrls(value)):
                yield from _tokens(url)
        elif "://" in value:
            yield from _passwords(value)
        else:
            yield value
            for part in (part.strip() for part in value.split(",")):
                # Of `whsec_<key>` and `<id>:<key>` the key alone, too.
                yield from (part, part.removeprefix("whsec_"), part.partition(":")[2].strip())


def _kept_in_file(given: Mapping[str, str]) -> str:
    """The encryption keys of a file, which are read from there each time."""
    try:
        lines = Path(given.get(_ENCRYPTION_KEYS_FILE, "").strip()).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):  # none is named, or it is told elsewhere that it cannot be read
        return ""
    return ",".join(line.partition("#")[0] for line in lines)


def _passwords(url: str) -> Iterator[str]:
    """Of a database's URL: as it stands there, and as the driver reads it."""
    authority, _, _ = url.partition("://")[2].rpartition("@")
    for password in (authority.partition(":")[2], *(value for name, value in _query(url) if "pass" in name.lower())):
        yield from (password, unquote(password))


def _tokens(url: str) -> Iterator[str]:
    """Of an alert's URL, where a token may stand anywhere: all but the name of a host."""
    yield url
    rest = url.partition("://")[2].partition("?")[0]
    authority, *path = rest.split("/")
    user, _, host = authority.rpartition("@")
    for part in (*user.split(":"), *path, *(value for _, value in _query(url)), *([] if "." in host else [host])):
        yield from (part, unquote(part))


def _query(url: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(urlsplit(url).query)
    except ValueError:  # brackets that are no address
        return parse_qsl(url.partition("?")[2])
