"""Keeps tokens of links out of uvicorn's log, which has the whole address of each request."""

from __future__ import annotations

import logging
import re

_TOKEN = re.compile(r"([?&]token=)[^&]+")


def hide_tokens() -> None:
    """Leave them out from now on. Proxies in front have logs of their own."""
    logging.getLogger("uvicorn.access").addFilter(_without_token)


def _without_token(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = tuple(_TOKEN.sub(r"\1…", part) if isinstance(part, str) else part for part in record.args)
    return True
