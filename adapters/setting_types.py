"""Types of settings: how a variable's text is read, and which are refused."""

from __future__ import annotations

import ipaddress
import re
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

Seconds = Annotated[float, Field(gt=0)]


def _duration(value: object) -> object:
    """A plain number is seconds, as everywhere else; pydantic takes ISO 8601 (`PT1M`) and `00:01:00` besides."""
    if isinstance(value, str) and re.fullmatch(r"\d{1,7}(\.\d+)?", value):
        return float(value)
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration), Field(ge=timedelta())]

Port = Annotated[int, Field(ge=1, le=65535)]


def _ip_address(host: str) -> str:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise ValueError("must be an IP address of this machine: 127.0.0.1, or 0.0.0.0 for all of them") from None
    return host


IpAddress = Annotated[str, AfterValidator(_ip_address)]

_URL = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]+)?(/[a-z0-9._~/-]*)?", re.IGNORECASE | re.ASCII)


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def base_url(url: str) -> str:
    """A URL that paths are added to, without a slash at its end. Raises ValueError."""
    # Asking for the port raises where it is none.
    if not _URL.fullmatch(url) or urlsplit(url).port == 0:
        raise ValueError("must be of the form https://host:port/path, where port and path may be left out")
    return url.rstrip("/")


def safe_base_url(url: str) -> str:
    """A base URL by which secrets travel. Raises ValueError."""
    url = base_url(url)
    if url.lower().startswith("http:") and not is_loopback(url):
        raise ValueError("must begin with https://, or the key could be read on its way; http:// is for this machine")
    return url


def split_secrets(secrets: SecretStr | None) -> tuple[str, ...]:
    """Each of several with commas between them."""
    told = secrets.get_secret_value().split(",") if secrets else []
    return tuple(filter(None, map(str.strip, told)))
