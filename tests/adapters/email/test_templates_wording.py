# ruff: noqa: RUF001 - Arabic and Hebrew letters and Japanese brackets are meant as they are

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.email.wording import COLUMNS, clean, one_line, tidy


def test_control_characters_and_overrides_of_direction_are_taken_out() -> None:
    assert clean("Ada\x00 \x1b[1mLove\u202elace\x7f\ud800") == "Ada [1mLovelace"


def test_joiners_that_scripts_and_emoji_need_are_kept() -> None:
    family = "👩\u200d👧"
    assert clean(family + "می\u200cخواهم\u200f") == family + "می\u200cخواهم\u200f"


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r", "\v", "\f", "\x85", "\u2028", "\u2029"])
def test_line_breaks_of_all_kinds_are_one_space_in_a_line(line_break: str) -> None:
    assert one_line(f"Ada{line_break} Lovelace{line_break}") == "Ada Lovelace"


def test_a_long_line_wraps_at_its_spaces_and_keeps_its_indentation() -> None:
    wrapped = tidy("Note:\n\n  " + "word " * 40)
    lines = wrapped.splitlines()[2:]
    assert len(lines) == 3
    assert all(line.startswith("  word") and len(line) <= COLUMNS for line in lines)


def test_a_long_line_of_wide_characters_wraps_but_does_not_begin_with_a_full_stop() -> None:
    lines = tidy("名" * 39 + "。" + "名" * 5).splitlines()
    assert lines == ["名" * 38, "名。" + "名" * 5]


def test_a_wide_currency_sign_is_not_parted_from_its_amount() -> None:
    assert tidy("名" * 38 + "￥372,700です").splitlines() == ["名" * 38, "￥372,700です"]


def test_a_long_word_such_as_a_link_stays_whole() -> None:
    link = "https://shop.example.com/" + "x" * 100
    assert tidy(f"See {link} for more").splitlines() == ["See", link, "for more"]


def test_empty_lines_are_never_more_than_one() -> None:
    assert tidy("\n\na  \n\n \n\nb\n\n") == "a\n\nb\n"


def test_in_a_text_from_right_to_left_each_line_starts_with_a_mark() -> None:
    assert tidy("שלום\n\n1042", right_to_left=True) == "\u200fשלום\n\n\u200f1042\n"


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("ab 名。（）é\u0301👩\u200d👧")))
def test_wrapping_keeps_every_character_but_spaces(text: str) -> None:
    wrapped = tidy(text)
    assert "".join(wrapped.split()) == "".join(text.split())
