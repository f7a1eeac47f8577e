"""CSV as RFC 4180 has it: UTF-8, lines that end in CR LF, quotes where they are needed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from adapters.reports.cells import safe_text


def csv_lines(rows: Iterable[Sequence[str | int]]) -> bytes:
    """Write rows, the heading among them. No text in them is a formula to whatever opens the file."""
    output = io.StringIO(newline="")
    writer = csv.writer(output, lineterminator="\r\n")
    writer.writerows([_cell(cell) for cell in row] for row in rows)
    return output.getvalue().encode()


def _cell(cell: str | int) -> str:
    # Numbers that are texts, such as `-1.50`, come as they are from `amount_text`: they are no formulas.
    return str(cell) if isinstance(cell, (int, Figure)) else safe_text(cell)


class Figure(str):
    """A number written by us."""

    __slots__ = ()
