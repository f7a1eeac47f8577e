"""What cells hold: texts that are no formulas, and exact amounts."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.reports.cells import (
    FORMULA_STARTS,
    SKIPPED_BEFORE,
    Money,
    amount,
    amount_text,
    csv_lines,
    for_paper,
    number_format,
    readable,
    safe_text,
)


@pytest.mark.parametrize("start", sorted(FORMULA_STARTS))
@pytest.mark.parametrize("before", ["", " ", "\N{NO-BREAK SPACE}\N{ZERO WIDTH SPACE}", "\0"])
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(before: str, start: str) -> None:
    assert safe_text(f"{before}{start}1+1").startswith("'")


@given(st.text())
def test_no_text_begins_as_a_formula(text: str) -> None:
    cell = safe_text(text)
    assert cell.lstrip(SKIPPED_BEFORE)[:1] not in FORMULA_STARTS
    assert cell.removeprefix("'") in (text.replace("\0", ""), text.replace("\0", "").removeprefix("'"))


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2), min_size=1))
def test_a_table_reads_back(rows: list[list[str]]) -> None:
    file = csv_lines(rows).decode()
    assert list(csv.reader(io.StringIO(file, newline=""))) == [[safe_text(cell) for cell in row] for row in rows]


def test_a_negative_amount_is_no_formula() -> None:
    assert csv_lines([[Money(-150, "EUR"), "-1.50", 7]]) == b"-1.50,'-1.50,7\r\n"


@pytest.mark.parametrize(
    ("units", "currency", "text", "for_people", "form"),
    [
        (123450, "EUR", "1234.50", "1,234.50", "#,##0.00"),
        (123450, "JPY", "123450", "123,450", "#,##0"),
        (-5, "KWD", "-0.005", "-0.005", "#,##0.000"),
        (1, "CLF", "0.0001", "0.0001", "#,##0.0000"),
        (0, "XXX", "0.00", "0.00", "#,##0.00"),
    ],
)
def test_an_amount_has_its_currencys_places(units: int, currency: str, text: str, for_people: str, form: str) -> None:
    assert amount(units, currency) == Decimal(text)
    assert amount_text(units, currency) == text
    assert readable(units, currency) == for_people
    assert number_format(currency) == form


@given(st.integers(-(10**60), 10**60), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_an_amount_of_any_size_is_exact(units: int, currency: str) -> None:
    assert int(amount_text(units, currency).replace(".", "")) == units
    assert readable(units, currency).replace(",", "") == amount_text(units, currency)


@given(st.text())
def test_a_name_on_paper_is_one_line_of_a_bounded_length(given_name: str) -> None:
    name = for_paper(given_name)
    assert len(name) < 200
    assert not set(name) & set("\n\r\t\x00\x1b\u2028\u202e\u2066")
