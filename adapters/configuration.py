"""The configuration as it may be shown: by the variables' names, without a secret, also none inside a URL."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings

from adapters.alert_settings import SecretUrls, split

MASK = "********"

_SECRET_NAME = re.compile(r"pass|secret|token|key|credential", re.IGNORECASE)
_HIDDEN_LENGTH = 4
"""Shorter secrets are masked where they stand, but not searched for in other texts: they would hit everything."""


def values(*groups: BaseSettings) -> dict[str, Any]:
    """Values of settings by their variables' names."""
    return {
        f"{group.model_config.get('env_prefix', '')}{name}".upper(): getattr(group, name)
        for group in groups
        for name in type(group).model_fields
    }


def secrets(values: Mapping[str, Any]) -> list[str]:
    """All secrets among the values."""
    return [value.get_secret_value() for value in values.values() if isinstance(value, SecretStr)]


def shown(value: Any) -> str:
    """A value as it may be shown. A secret that is a URL shows everything but its password."""
    if value is None:
        return ""
    if isinstance(value, SecretUrls):
        return ",".join(f"{url.partition('://')[0]}://{MASK}" for url in split(value))
    if isinstance(value, SecretStr):
        secret = value.get_secret_value()
        return without_password(secret) if "://" in secret else MASK
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.12g}"
    return without_password(str(value))


def without_password(url: str) -> str:
    """A URL, or any text, without the passwords of `scheme://user:password@host?password=…`."""
    scheme, colon, rest = url.partition("://")
    if not colon:
        return url
    # The last @ before the path, since a password that nobody escaped may hold one, or a slash.
    authority, at, place = rest.rpartition("@")
    if at:
        user, has_password, _ = authority.partition(":")
        rest = f"{user}:{MASK}@{place}" if has_password else rest
    rest = re.sub(
        r"(?<=[?&])([^=&#]*)=([^&#]*)",
        lambda pair: f"{pair[1]}={MASK}" if _SECRET_NAME.search(pair[1]) else pair[0],
        rest,
    )
    return f"{scheme}://{rest}"


class Mask:
    """Takes known secrets out of texts that others wrote, such as a driver's error message."""

    def __init__(self, secrets: Iterable[str | None]) -> None:
        """`secrets` may hold URLs; their passwords are taken then."""
        found = {part for secret in secrets if secret for part in _parts(secret)}
        found |= {json.dumps(part, ensure_ascii=False)[1:-1] for part in found}  # as they stand in a line of JSON
        self._secrets = sorted((part for part in found if len(part) >= _HIDDEN_LENGTH), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without the secrets."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text


def _parts(secret: str) -> Iterator[str]:
    if "://" not in secret:
        yield secret
        return
    rest = secret.partition("://")[2]
    _, has_password, password = rest.rpartition("@")[0].partition(":")
    if has_password:
        yield password
    yield from (value for name, value in parse_qsl(rest.partition("?")[2]) if _SECRET_NAME.search(name))


def problems(exc: ValidationError) -> list[str]:
    """What is wrong with settings, by their variables' names, without the values."""
    prefix = exc.title.removesuffix("Settings") + "_"
    return [
        f"{prefix}{'_'.join(str(part) for part in error['loc'])}".upper() + f": {error['msg']}"
        for error in exc.errors(include_input=False, include_url=False, include_context=False)
    ]
