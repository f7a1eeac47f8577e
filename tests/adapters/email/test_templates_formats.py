from datetime import UTC, datetime, timedelta, timezone

import pytest
from babel import Locale, localedata
from babel.numbers import format_currency, format_decimal
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.email.formatting import decimal_places, formats_for

EVENING = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("locale", "currency", "units", "written"),
    [
        ("de_DE", "EUR", 123450, "1.234,50\N{NO-BREAK SPACE}€"),
        ("fr_FR", "EUR", 123450, "1\N{NARROW NO-BREAK SPACE}234,50\N{NO-BREAK SPACE}€"),
        ("en_IE", "EUR", 5, "€0.05"),
        ("ja_JP", "JPY", 123450, "\N{FULLWIDTH YEN SIGN}123,450"),
        ("en_US", "JPY", 0, "¥0"),
        ("ar_KW", "KWD", 1234567, "\u200f1,234.567\N{NO-BREAK SPACE}د.ك.\u200f"),
        ("en_US", "KWD", 5000, "KWD\N{NO-BREAK SPACE}5.000"),
        ("de_CH", "CHF", 123450, "CHF\N{NO-BREAK SPACE}1\N{RIGHT SINGLE QUOTATION MARK}234.50"),
        ("en_IN", "INR", 12345678901, "₹12,34,56,789.01"),
        ("hi_IN", "INR", 10000000, "₹1,00,000.00"),
        ("he_IL", "ILS", 4500, "\u200f45.00\N{NO-BREAK SPACE}\u200f₪"),
        ("en_US", "USD", -123450, "-$1,234.50"),
        # CLDR shows no decimals, though the currency has them.
        ("en_US", "RSD", 123450, "RSD\N{NO-BREAK SPACE}1,234.50"),
        ("en_US", "XYZ", 150, "XYZ\N{NO-BREAK SPACE}1.50"),
    ],
)
def test_an_amount_is_written_as_in_its_locale(locale: str, currency: str, units: int, written: str) -> None:
    assert formats_for(locale).money(units, currency) == written


@settings(deadline=None)
@given(
    locale=st.sampled_from(sorted(localedata.locale_identifiers())),
    currency=st.sampled_from(["EUR", "USD", "JPY", "KWD", "CHF", "INR", "ILS", "BRL", "CNY", "CLF", "SEK"]),
    units=st.integers(-(10**15), 10**15),
)
def test_amounts_are_those_of_babel_but_for_the_space_after_letters(locale: str, currency: str, units: int) -> None:
    places = decimal_places(currency)
    whole, fraction = divmod(abs(units), 10**places)
    assert formats_for(locale).number(abs(units)) == format_decimal(abs(units), locale=Locale.parse(locale))
    number = f"{'-' if units < 0 else ''}{whole}.{fraction:0{places or 1}}"
    by_babel = format_currency(number, currency, locale=Locale.parse(locale))

    written = formats_for(locale).money(units, currency)

    assert written.replace("\N{NO-BREAK SPACE}", "") == by_babel.replace("\N{NO-BREAK SPACE}", "")


@settings(deadline=None)
@given(units=st.integers(0, 10**60))
def test_no_digit_is_lost_however_large_the_amount(units: int) -> None:
    written = formats_for("de_DE").money(units, "EUR")
    assert int("".join(char for char in written if char.isdigit())) == units


@pytest.mark.parametrize(
    ("locale", "written"),
    [
        ("de_CH", "24. November 2026"),
        ("en_GB", "24 November 2026"),
        ("en_US", "November 24, 2026"),
        ("ja_JP", "2026年11月24日"),
        ("ar_KW", "24 نوفمبر 2026"),
    ],
)
def test_a_date_is_written_as_in_its_locale(locale: str, written: str) -> None:
    assert formats_for(locale).date(EVENING) == formats_for(locale).date(EVENING.replace(tzinfo=None)) == written
    assert formats_for(locale).date(EVENING, zone=timezone(timedelta(hours=9))) != written


@pytest.mark.parametrize(
    ("identifier", "nearest"),
    [
        ("de_CH", "de_CH"),
        ("de-CH", "de_CH"),
        ("de_CH.UTF-8@euro", "de_CH"),
        ("de_XX", "de"),
        ("zh_TW", "zh_Hant_TW"),
        ("iw_IL", "he_IL"),
        ("no_NO", "no"),
        ("xx_YY", "en"),
        ("C", "en"),
        ("", "en"),
        ("../../etc/passwd", "en"),
    ],
)
def test_an_unknown_locale_is_read_as_the_nearest_known_one(identifier: str, nearest: str) -> None:
    assert str(formats_for(identifier).locale) == nearest
