"""Log lines without the process's secrets, whoever set the log up."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

Mask = Callable[[str], str]


class MaskedFormatter(logging.Formatter):
    """Masks what another formatter has made of a record, its traceback included."""

    def __init__(self, lines: logging.Formatter | None, mask: Mask) -> None:
        """`lines` makes the lines."""
        super().__init__()
        self._lines, self._mask = lines or logging.Formatter(), mask

    def format(self, record: logging.LogRecord) -> str:
        """The line, masked."""
        return self._mask(self._lines.format(record))


def mask_handlers(mask: Mask, loggers: Iterable[str] = ("uvicorn", "uvicorn.error", "uvicorn.access")) -> None:
    """Mask the lines of the root logger, of these, and of what Python does for a log that nobody set up."""
    found = [handler for name in (None, *loggers) for handler in logging.getLogger(name).handlers]
    for handler in (*found, *([logging.lastResort] if logging.lastResort else [])):
        if not isinstance(handler.formatter, MaskedFormatter):
            handler.setFormatter(MaskedFormatter(handler.formatter, mask))
