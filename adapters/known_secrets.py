"""The secrets that this process was given, so that they can be taken out of text that others wrote.

Drivers, libraries and tracebacks quote what they were called with. Our own texts show no secret in the first place.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from adapters.secret_files import NAMES

MASK = "********"

_ENCRYPTION_KEYS = "JOBS_ENCRYPTION_KEYS"
_OF_TEMPORAL = re.compile(r"TEMPORAL_(GRPC_META_.+|CODEC_AUTH|TLS_CLIENT_KEY_DATA)")
"""What Temporal's SDK reads beside its API key: headers of each call, and a private key."""
_PASSWORDS = re.compile(r"://[^:/@]*:(.*)@|[?&][^=&]*pass[^=&]*=([^&\s]*)", re.IGNORECASE)
_SHORTEST = 8
"""Characters. Shorter ones would be found everywhere, and the log could not be read."""

Mask = Callable[[str], str]


def mask(environment: Mapping[str, str] | None = None) -> Mask:
    """Takes all of them out of a text, also in the forms that JSON and URLs give them."""
    found = {part for part in _known(os.environ if environment is None else environment) if len(part) >= _SHORTEST}
    found |= {form for part in found for form in (unquote(part), quote(part, safe=""), json.dumps(part)[1:-1])}
    pattern = re.compile("|".join(map(re.escape, sorted(found, key=len, reverse=True))) or "(?!)")
    return lambda text: pattern.sub(MASK, text)


def _known(given: Mapping[str, str]) -> Iterator[str]:
    for name, value in given.items():
        if name == "ALERT_URLS":
            yield from _parts_of_alert_urls(value)
        elif name in NAMES and "://" in value:
            # As the password stands in the URL; `mask` adds it as the driver reads it.
            yield from (password for found in _PASSWORDS.findall(value) for password in found)
        elif name in NAMES or name == _ENCRYPTION_KEYS or _OF_TEMPORAL.fullmatch(name):
            yield from _parts(value)
    if path := given.get(f"{_ENCRYPTION_KEYS}_FILE", "").strip():
        try:
            yield from _parts(re.sub("#.*", "", Path(path).read_text(encoding="utf-8")))
        except (OSError, ValueError):  # reported by those who need the keys
            return


def _parts(value: str) -> Iterator[str]:
    """The value, each of several; of `Bearer <token>`, `<id>:<key>` and `whsec_<key>` the secret alone, too."""
    yield value
    for part in re.split(r"[\s,]+", re.sub("-----.*?-----", "", value)):
        yield from (part, part.partition(":")[2], part.removeprefix("whsec_"))


def _parts_of_alert_urls(value: str) -> Iterator[str]:
    """A token may stand anywhere in them: all but schemes and the names of hosts."""
    hosts = {urlsplit(url).hostname or "" for url in re.findall(r"\w+://[^\s,\[\]]+", value)}
    yield from set(re.split(r"[\s,:/?&=@]+", value)) - {host for host in hosts if "." in host}


class MaskedFormatter(logging.Formatter):
    """Masks what another formatter has made of a record, its traceback included."""

    def __init__(self, lines: logging.Formatter | None, mask: Mask) -> None:
        super().__init__()
        self._lines, self._mask = lines or logging.Formatter(), mask

    def format(self, record: logging.LogRecord) -> str:
        """The line, masked."""
        return self._mask(self._lines.format(record))


def mask_handlers(mask: Mask, loggers: Iterable[str] = ("uvicorn", "uvicorn.error", "uvicorn.access")) -> None:
    """Mask the lines of the root logger, of these, and of what Python does for a log that nothing has set up."""
    found = [handler for name in (None, *loggers) for handler in logging.getLogger(name).handlers]
    for handler in (*found, *([logging.lastResort] if logging.lastResort else [])):
        if not isinstance(handler.formatter, MaskedFormatter):
            handler.setFormatter(MaskedFormatter(handler.formatter, mask))
