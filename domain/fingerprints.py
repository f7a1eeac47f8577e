"""Tells which failures are the same: one number for all that differ only in ids, counts and quoted texts."""

from __future__ import annotations

import hashlib
import re

_REDRIVE = re.compile(r"\s*Redrive: `.*", re.DOTALL)
"""How a failed run's message ends: a command with this job's ids."""

_VARIABLE: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"`[^`]*`|\"[^\"]*\"|(?<!\w)'[^'\n]*'(?!\w)|«[^»]*»|“[^”]*”"), "<text>"),
    (re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"), "<id>"),
    # Of the form pi_3Nk8x or order/1042: a word with a digit in it is an id, or at least not what the error is.
    (re.compile(r"\b0x[0-9a-fA-F]+\b"), "<id>"),
    (re.compile(r"[A-Za-z_-]*\d(?:[\w.:-]*\w)?"), "<id>"),
    (re.compile(r"\b[0-9a-fA-F]{12,}\b"), "<id>"),
    (re.compile(r"\s+"), " "),
)


def fingerprint(kind: str, error_type: str, step: str | None, message: str) -> str:
    """Twelve hexadecimal digits that are the same for the same failure of a kind."""
    whole = "\n".join((kind, error_type, step or "", normalised(message)))
    return hashlib.sha256(whole.encode()).hexdigest()[:12]


def normalised(message: str) -> str:
    """A message without what differs between two failures of the same cause."""
    text = _REDRIVE.sub("", message)
    for pattern, word in _VARIABLE:
        text = pattern.sub(word, text)
    return text.strip()
