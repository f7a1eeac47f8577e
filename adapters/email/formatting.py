"""Amounts, numbers and dates as people write them in a locale (CLDR's data, by way of babel)."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, tzinfo
from functools import cached_property, lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, get_datetime_format
from babel.numbers import NumberPattern, get_currency_symbol, get_decimal_symbol, get_group_symbol
from babel.units import format_unit

NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"

# ISO 4217's decimal places; every currency that isn't named has two. CLDR's own (babel's get_currency_precision) are
# what people like to see, not what an amount is stored in: it gives the Serbian dinar none, and would show 100 times
# the price.
_ISO_4217 = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
DECIMAL_PLACES = {currency: places for places, currencies in _ISO_4217.items() for currency in currencies.split()}
"""Of the currencies that have not two."""


def decimal_places(currency: str) -> int:
    """How many decimal places an amount in the currency's smallest unit has (ISO 4217)."""
    return DECIMAL_PLACES.get(currency, 2)


_SIZES = {1: "digital-kilobyte", 2: "digital-megabyte", 3: "digital-gigabyte"}


class _Pattern:
    """A number pattern of CLDR with everything looked up that doesn't depend on the number.

    Babel looks it up anew for each number, which takes most of its time, and rounds to 28 digits. This one works on
    the digits of an integer, and so is exact for any.
    """

    def __init__(self, pattern: NumberPattern, locale: Locale, currency: str | None = None) -> None:
        self._places = decimal_places(currency) if currency else 0
        self._grouping = pattern.grouping
        self._group = get_group_symbol(locale)
        self._decimal = get_decimal_symbol(locale)
        symbol = get_currency_symbol(currency, locale) if currency else ""
        self._around = [
            (_spaced(before.replace("¤", symbol)), _spaced(after.replace("¤", symbol), after=True))
            for before, after in zip(pattern.prefix, pattern.suffix, strict=True)
        ]

    def apply(self, units: int) -> str:
        digits = str(abs(units)).rjust(self._places + 1, "0")
        whole, fraction = digits, ""
        if self._places:
            whole, fraction = digits[: -self._places], self._decimal + digits[-self._places :]
        size, following = self._grouping
        while len(whole) > size:
            whole, fraction = whole[:-size], self._group + whole[-size:] + fraction
            size = following
        before, after = self._around[units < 0]
        return f"{before}{whole}{fraction}{after}"


def _spaced(affix: str, *, after: bool = False) -> str:
    """Keep a currency's letters apart from the number, CLDR's currency spacing: `KWD 5.000`, but `€5.00`."""
    near = affix[:1] if after else affix[-1:]
    if not near or not unicodedata.category(near).startswith("L"):
        return affix
    return NO_BREAK_SPACE + affix if after else affix + NO_BREAK_SPACE


class Formats:
    """The formats of one locale. Digits are 0 to 9 in every locale, as in the order number that people have to type."""

    def __init__(self, locale: Locale) -> None:
        self.locale = locale
        self._amounts: dict[str, _Pattern] = {}

    def money(self, units: int, currency: str) -> str:
        """Write an amount, given in the currency's smallest unit: 123450 and EUR are `1.234,50 €` in de_DE."""
        pattern = self._amounts.get(currency)
        if pattern is None:
            pattern = _Pattern(self.locale.currency_formats["standard"], self.locale, currency)
            self._amounts[currency] = pattern
        return pattern.apply(units)

    def number(self, value: int) -> str:
        """Write a whole number: `1.234` in de_DE."""
        return self._whole.apply(value)

    def date(self, moment: datetime, zone: tzinfo = UTC) -> str:
        """Write the day of a moment in a time zone: `24. November 2026` in de_DE. A moment without a zone is UTC."""
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return format_date(aware.astimezone(zone), format="long", locale=self.locale)

    def date_time(self, moment: datetime, zone: tzinfo = UTC) -> str:
        """Write a moment in a time zone to the minute: `24. November 2026, 13:30` in de_DE."""
        local = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(zone)
        both = str(get_datetime_format("long", locale=self.locale)).replace("'", "")
        time = format_time(local, format="short", locale=self.locale)
        return both.replace("{0}", time).replace("{1}", format_date(local, format="long", locale=self.locale))

    def file_size(self, size: int) -> str:
        """Write a number of bytes in the unit that people would: `4,7 MB` in de_DE."""
        power = next((power for power in (1, 2) if size < 1000 ** (power + 1)), 3)
        return format_unit(max(round(size / 1000**power, 1), 0.1), _SIZES[power], length="short", locale=self.locale)

    @cached_property
    def _whole(self) -> _Pattern:
        return _Pattern(self.locale.decimal_formats[None], self.locale)


@lru_cache(maxsize=512)  # more than CLDR has locales; bounded, since the identifiers come from data
def formats_for(identifier: str) -> Formats:
    """Return the formats of the nearest locale that CLDR knows: `de_XX` is read as `de`, nonsense as `en`."""
    return Formats(_nearest(identifier))


def _nearest(identifier: str) -> Locale:
    # POSIX writes de_CH.UTF-8@euro, BCP 47 de-CH.
    name = identifier.partition(".")[0].partition("@")[0].replace("-", "_")
    while name:
        try:
            return Locale.parse(name)
        except (UnknownLocaleError, ValueError):
            name = name.rpartition("_")[0]
    return Locale("en")
