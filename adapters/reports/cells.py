"""What a cell of a table may hold: text that no program takes for a formula, and amounts without a digit lost."""

from __future__ import annotations

from decimal import Decimal

from adapters.email.formatting import decimal_places

FORMULA_STARTS = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""Spreadsheets read what begins so as a formula or a command, the wide forms too in East Asian locales."""
SKIPPED_BEFORE = " \N{NO-BREAK SPACE}\N{ZERO WIDTH NO-BREAK SPACE}\N{ZERO WIDTH SPACE}"
"""What some programs skip to find it."""
_EXACT = 10**15
"""Excel keeps 15 digits of a number and turns all others into zeros."""


def safe_text(text: str) -> str:
    """Text for a cell of a CSV file: an apostrophe comes before what a spreadsheet would run.

    Spaces in front don't help whoever wrote it: some programs skip them. A NUL, which many readers take for the end, is
    left out.
    """
    clean = text.replace("\0", "")
    first = clean.lstrip(SKIPPED_BEFORE)[:1]
    return f"'{clean}" if first in FORMULA_STARTS else clean


def amount(units: int, currency: str) -> Decimal:
    """An amount in its currency, exactly, however large: 123450 in EUR are `1234.50`, in JPY `123450`."""
    sign, digits = int(units < 0), tuple(map(int, str(abs(units))))
    return Decimal((sign, digits, -decimal_places(currency)))


def amount_text(units: int, currency: str) -> str:
    """The same as text, for CSV: a point before the decimal places, no groups, no currency."""
    return f"{amount(units, currency):f}"


def is_exact_in_a_sheet(units: int) -> bool:
    """Whether a spreadsheet can keep all its digits in a number; where not, its text belongs in the cell."""
    return abs(units) < _EXACT


def number_format(currency: str) -> str:
    """The spreadsheet's format for amounts of a currency: `#,##0.00`, with as many places as the currency has."""
    places = decimal_places(currency)
    return "#,##0." + "0" * places if places else "#,##0"


def readable(units: int, currency: str) -> str:
    """An amount for people, without its currency: `1,234.50`."""
    return f"{amount(units, currency):,f}"
