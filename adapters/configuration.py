"""The configuration as it may be shown: by the variables' names, without a secret, also none inside a URL."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings

from adapters.job_settings import SecretUrls, split
from adapters.known_secrets import MASK

_PASSWORD = re.compile(r"(?<=://)([^:/@]*):.*@")
_SECRET_PARAMETER = re.compile(r"([?&][^=&#]*(?:pass|secret|token|key|credential)[^=&#]*)=[^&#]*", re.IGNORECASE)


def values(*groups: BaseSettings) -> dict[str, Any]:
    """Values of settings by their variables' names."""
    return {
        f"{group.model_config.get('env_prefix', '')}{name}".upper(): getattr(group, name)
        for group in groups
        for name in type(group).model_fields
    }


def shown(value: Any) -> str:
    """A value as it may be shown. A secret that is a URL shows everything but its password."""
    match value:
        case None:
            return ""
        case SecretUrls():
            return ",".join(f"{url.partition('://')[0]}://{MASK}" for url in split(value))
        case SecretStr():
            secret = value.get_secret_value()
            return without_password(secret) if "://" in secret else MASK
        case timedelta():
            return f"{value.total_seconds():.12g}"
        case _:
            return without_password(str(value))


def without_password(url: str) -> str:
    """A URL, or any text, without the passwords of `scheme://user:password@host?password=…`.

    A password that was not escaped may hold an @, or a slash.
    """
    return _SECRET_PARAMETER.sub(rf"\1={MASK}", _PASSWORD.sub(rf"\1:{MASK}@", url)) if "://" in url else url


def problems(exc: ValidationError) -> list[str]:
    """What is wrong with settings, by their variables' names, without the values."""
    prefix = exc.title.removesuffix("Settings") + "_"
    return [
        f"{prefix}{'_'.join(str(part) for part in error['loc'])}".upper() + f": {error['msg']}"
        for error in exc.errors(include_input=False, include_url=False, include_context=False)
    ]
