"""A bar chart, reckoned: how high each bar is, and what stands at the axes. The template only draws it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal, localcontext
from typing import TypedDict

from adapters.reports.cells import amount

_MOST_STEPS = 5
_SUFFIXES = ((12, "T"), (9, "bn"), (6, "M"), (3, "k"))
_NAMED_UP_TO = 15
"""Powers of ten; what is larger is written as a power."""
_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class Tick(TypedDict):
    """A line across the chart."""

    at: float
    label: str


class Chart(TypedDict):
    """Heights and places are parts of the chart's, from 0 to 1."""

    heights: list[float]
    labels: list[str]
    """Below the bars; empty where there is none."""
    ticks: list[Tick]


def bars(amounts: Sequence[int], currency: str, labels: Sequence[str]) -> Chart:
    """Chart amounts, given in the currency's minor units and none of them negative."""
    values = [amount(units, currency) for units in amounts]
    with localcontext(prec=60):
        step, steps = _steps(max(values, default=Decimal(0)))
        top = step * steps
        return Chart(
            heights=[float(value / top) for value in values],
            labels=list(labels),
            ticks=[Tick(at=number / steps, label=_label(step * number)) for number in range(steps + 1)],
        )


def _steps(highest: Decimal) -> tuple[Decimal, int]:
    """The smallest of 1, 2, 5, 10, 20 … of which a few reach the highest, and how many do."""
    if highest <= 0:
        return Decimal(1), 1
    power = Decimal(1).scaleb(highest.adjusted() - 1)
    while True:
        for factor in (1, 2, 5):
            step = power * factor
            steps = int((highest / step).to_integral_value(ROUND_CEILING))
            if steps <= _MOST_STEPS:
                return step, steps
        power *= 10


def _label(value: Decimal) -> str:
    """`0`, `0.05`, `250`, `2.5k`, `40M`, and from 10¹⁵ on a power of ten."""
    power = value.adjusted() if value else 0
    if power >= _NAMED_UP_TO:
        return f"{_plain(value.scaleb(-power))}\N{MULTIPLICATION SIGN}10{str(power).translate(_SUPERSCRIPT)}"
    for places, suffix in _SUFFIXES:
        if power >= places and value >= Decimal(10) ** places:
            return _plain(value.scaleb(-places)) + suffix
    return _plain(value)


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"
