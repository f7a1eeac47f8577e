"""Amounts as the provider counts them, where that is not ISO 4217's smallest unit.

The provider takes yen and dinars as ISO 4217 has them. It still counts the Icelandic krona and the Ugandan shilling in
hundredths, which they no longer have, and the Malagasy ariary without those that ISO 4217 gives it.
"""

from __future__ import annotations

_HUNDREDTHS_THERE = frozenset({"ISK", "UGX"})
_HUNDREDTHS_HERE = frozenset({"MGA"})


def from_provider(amount: int, currency: str) -> int:
    """The amount in ISO 4217's smallest unit. Raises ValueError where the currency has no such amount."""
    if currency in _HUNDREDTHS_THERE:
        return _divided(amount)
    return amount * 100 if currency in _HUNDREDTHS_HERE else amount


def to_provider(amount: int, currency: str) -> int:
    """The amount as the provider takes it. Raises ValueError where it has no such amount."""
    if currency in _HUNDREDTHS_HERE:
        return _divided(amount)
    return amount * 100 if currency in _HUNDREDTHS_THERE else amount


def _divided(amount: int) -> int:
    whole, rest = divmod(amount, 100)
    if rest:
        raise ValueError("an amount with hundredths, which this currency does not have there")
    return whole
