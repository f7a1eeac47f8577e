"""Settings of the codec server, which decrypts for people who look at jobs."""

from __future__ import annotations

import re
from datetime import timedelta

from pydantic import field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from adapters.setting_types import Duration, IpAddress, Port

_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]+)?", re.IGNORECASE | re.ASCII)


class CodecSettings(BaseSettings):
    """`CODEC_*`: the codec server. Its keys are those of `JOBS_ENCRYPTION_KEYS`, its database is `DATABASE_*`."""

    model_config = SettingsConfigDict(env_prefix="CODEC_", frozen=True)

    origins: str | None = None
    """Where browsers have the Web UI from: `https://temporal.example.com`, or several with commas between them. Without
    any, that of `JOBS_WEB_UI`."""
    session: Duration = timedelta(hours=12)
    """How long a browser stays signed in."""
    cross_site: bool = False
    """Whether the Web UI is of another site (Temporal Cloud's): browsers send the cookie there too then, by HTTPS."""
    metrics_host: IpAddress = "127.0.0.1"
    """Of `/metrics`, which needs no key, and has a port of its own."""
    metrics_port: Port = 9480
    """Or the next free one: several processes have the ports after each other."""

    @field_validator("origins")
    @classmethod
    def _are_origins(cls, origins: str | None) -> str | None:
        for origin in split_origins(origins):
            if not _ORIGIN.fullmatch(origin):
                raise ValueError("each must be of the form https://host:port, where the port may be left out")
        return origins

    def all_origins(self, web_ui: str) -> tuple[str, ...]:
        """Each of them by itself; `web_ui` is the Web UI's address, which counts where none is set."""
        return split_origins(self.origins) or ("/".join(web_ui.split("/")[:3]),)


def split_origins(origins: str | None) -> tuple[str, ...]:
    """Each of several with commas between them."""
    return tuple(origin.strip().rstrip("/") for origin in (origins or "").split(",") if origin.strip())
