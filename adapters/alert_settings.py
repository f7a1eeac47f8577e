"""Settings of alerts: who is told, and how soon."""

from __future__ import annotations

import re
from datetime import timedelta

from pydantic import SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from adapters.setting_types import Duration, Seconds

# A comma may be part of a URL: only one before the next URL parts them.
_BETWEEN = re.compile(r"[\s,]+(?=[a-z][a-z0-9]*://)", re.IGNORECASE)
_URL = re.compile(r"[a-z][a-z0-9]*://\S+", re.IGNORECASE)


class SecretUrls(SecretStr):
    """URLs that are secret as a whole: a token may stand anywhere in them. Shown by their schemes alone."""


class AlertSettings(BaseSettings):
    """`ALERT_*`: who is told of what a person has to look at."""

    model_config = SettingsConfigDict(env_prefix="ALERT_", frozen=True)

    urls: SecretUrls | None = None
    """Of Apprise (https://appriseit.com/services/), with commas between them: `mailto://…,slack://…`. Without any,
    alerts are kept in the table, and are an error in the log."""
    window: Duration = timedelta(seconds=60)
    """How long the first alert waits for others about the same, to be told in one message."""
    timeout: Seconds = 20
    """For one message to one of the URLs."""

    @field_validator("urls")
    @classmethod
    def _readable(cls, urls: SecretUrls | None) -> SecretUrls | None:
        for number, url in enumerate(split(urls), start=1):
            if not _URL.fullmatch(url):
                raise ValueError(f"number {number} is not of the form scheme://…, without spaces")
        return urls

    @property
    def all_urls(self) -> tuple[str, ...]:
        """Each of them by itself."""
        return split(self.urls)


def split(urls: SecretUrls | None) -> tuple[str, ...]:
    """Each URL by itself."""
    told = urls.get_secret_value().strip().strip(",") if urls else ""
    return tuple(url.strip() for url in _BETWEEN.split(told)) if told else ()
