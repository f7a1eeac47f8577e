"""What a cell of a table may hold: text that no program takes for a formula, and amounts without a digit lost."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from adapters.email.formatting import decimal_places

FORMULA_STARTS = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""Spreadsheets read what begins so as a formula or a command, the wide forms too in East Asian locales."""
SKIPPED_BEFORE = " \N{NO-BREAK SPACE}\N{ZERO WIDTH NO-BREAK SPACE}\N{ZERO WIDTH SPACE}"
"""What some programs skip to find it."""
_EXACT = 10**15
"""Excel keeps 15 digits of a number and turns all others into zeros."""


@dataclass(frozen=True)
class Money:
    """An amount in its currency's minor units."""

    units: int
    currency: str


@dataclass(frozen=True)
class Ident:
    """A number that counts nothing: an order's."""

    number: int


Cell = str | int | date | datetime | Money | Ident | None
"""A value of a table, whether that becomes CSV or a sheet. A spreadsheet, which knows no time zones, shows a time as a
clock of its zone did."""


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


def csv_lines(rows: Iterable[Sequence[Cell]]) -> bytes:
    """Write rows, the heading among them. No text in them is a formula to whatever opens the file."""
    output = io.StringIO(newline="")
    writer = csv.writer(output, lineterminator="\r\n")
    writer.writerows([_csv_cell(cell) for cell in row] for row in rows)
    return output.getvalue().encode()


def _csv_cell(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case str():
            return safe_text(cell)
        case Money(units, currency):
            return amount_text(units, currency)
        case Ident(number):
            return str(number)
        case datetime():
            return cell.isoformat(timespec="seconds")
        case _:
            return str(cell)


_MAX_NAME = 160
_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
"""Line breaks, control characters, and those that turn the direction of all that follows."""
_LONG_WORD = re.compile(r"[!-\u052f]{28,}")
_UNBROKEN = 14


def for_paper(given: str) -> str:
    """One line of text, not longer than a cell can take, that can be broken where a word is too long for a column."""
    name = _UNPRINTABLE.sub(" ", given).strip()
    if len(name) > _MAX_NAME:
        name = name[:_MAX_NAME].rstrip() + "…"
    return _LONG_WORD.sub(_breakable, name)


def _breakable(word: re.Match[str]) -> str:
    text = word.group()
    return "\N{ZERO WIDTH SPACE}".join(text[at : at + _UNBROKEN] for at in range(0, len(text), _UNBROKEN))
