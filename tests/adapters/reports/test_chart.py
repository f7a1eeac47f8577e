"""What stands at the axes of a chart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.reports.pdf.chart import bars


@pytest.mark.parametrize(
    ("highest", "currency", "labels"),
    [
        (0, "EUR", ["0", "1"]),
        (1, "EUR", ["0", "0.002", "0.004", "0.006", "0.008", "0.01"]),
        (12_34, "EUR", ["0", "5", "10", "15"]),
        (1_234_00, "EUR", ["0", "500", "1k", "1.5k"]),
        (7_000_000_000, "KWD", ["0", "2M", "4M", "6M", "8M"]),
        (3 * 10**12, "JPY", ["0", "1T", "2T", "3T"]),
        (4 * 10**20, "JPY", ["0", "1×10²⁰", "2×10²⁰", "3×10²⁰", "4×10²⁰"]),  # noqa: RUF001  # typography
    ],
)
def test_ticks_are_round_numbers(highest: int, currency: str, labels: list[str]) -> None:
    assert [tick["label"] for tick in bars([0, highest], currency, ["a", "b"])["ticks"]] == labels


@given(st.lists(st.integers(0, 10**40), min_size=1), st.sampled_from(["JPY", "EUR", "KWD", "CLF"]))
def test_no_bar_is_higher_than_the_chart(amounts: list[int], currency: str) -> None:
    chart = bars(amounts, currency, [""] * len(amounts))
    assert all(0 <= height <= 1 for height in chart["heights"])
    assert max(chart["heights"]) > 0.5 or max(amounts) == 0
    assert 2 <= len(chart["ticks"]) <= 6
    assert [chart["ticks"][0]["at"], chart["ticks"][-1]["at"]] == [0, 1]
