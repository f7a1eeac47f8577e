"""Payloads for `enqueue_job`, most of which fit or nearly fit their kind."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from hypothesis import strategies as st

from domain.requests import JobRequest

_BLANKS = "\t\n\x0b\x1c\x1f \x85\xa0\u1680\u2007\u2028\u202f\u3000\u200b\ufeff"
_TEXT = st.text(st.sampled_from("aZé周0٣/_.-" + _BLANKS), max_size=9) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=300
)
_DAY = st.dates().map(date.isoformat)
_NUMBER = st.integers() | st.sampled_from([0, 1, 24, 100, 101, 2**63 - 1, 2**63, 10**4299, 1.0, 1.5, -0.0, 1e300])
_UUID = st.uuids().map(str)
_TIME = st.datetimes(timezones=st.timezones()).map(datetime.isoformat) | st.from_regex(
    r"20\d\d-0[1-9]-[23]\d[Tt _]\d\d:[0-5]\d(:[0-5]\d([.,]\d{1,9})?)?([Zz]|[-+\u2212][012]\d:?[0-5]\d)?",
    fullmatch=True,
)
_DAYS = (
    *("2026-02-29", "2024-02-29", "2026-02-30", "2026-04-31", "0000-01-01", "2026-1-1", " 2026-01-31", "2026-01-31\n"),
    *("\uff1226-01-31", "20260131", "86400", "1999-12-31", "2000-01-01", "2099-12-31", "2100-01-01", "10000-01-01"),
)
_TIMES = (
    *("2026-01-31T24:00:00Z", "2026-01-31T08:00:60Z", "2026-01-31T08", "2026-02-29T08:00", "2026-01-31T08:00:00 Z"),
    *("0000-01-01T00:00", "2026-01-31", "2026-01-31_08:00+24:00", "1700000000", "-1.5e3", "2026-01-31T08:00:00.Z"),
)
_UUIDS = (
    *("123E4567E89B42D3A456426614174000", "{123E4567-e89b-42d3-a456-426614174000}", "123e4567e89b42d3a45642661417400"),
    *("urn:uuid:123e4567-e89b-42d3-a456-426614174000", "URN:UUID:123e4567-e89b-42d3-a456-426614174000"),
    *("123e4567-e89b42d3-a456-426614174000", "123e4567-e89b-42d3-a456-42661417400g"),
    "{123e4567e89b42d3a456426614174000}",
)
_TEXTS = ("", " ", "a", "ab", "a b", "a/b", "a\u3000b", "x\x1c", "  abc  ", "ABC", "x" * 255, "x" * 256, "x" * 301)
_NUMBERS = (0, -1, 1.0, 13, 100, 101, 2**63 - 1, 2**63, 10**4299, True, "1", "1.0")
_NEARLY: dict[str, tuple[object, ...]] = {
    **dict.fromkeys(("order_id", "customer_id", "percent", "dozen", "any_number", "even", "number"), _NUMBERS),
    **dict.fromkeys(("day", "this_century", "today"), _DAYS),
    **dict.fromkeys(("at", "until"), _TIMES),
    **dict.fromkeys(("run_id", "random_id"), _UUIDS),
    **dict.fromkeys(("event_id", "note", "name", "trimmed", "word", "either"), _TEXTS),
    "code": ("AB12", "AB1", "AB1234567", "ab12", "AB12\n", "AB1\u0663"),
    **dict.fromkeys(("colour", "other_colour"), ("R", "red", "Colour.red", 1.0, True, 2, 1.5, "1")),
    **dict.fromkeys(("level", "mixed", "channel"), (1.0, True, "1", 2, 7.0, "Mail", 20.000000000000000001)),
    **dict.fromkeys(("yes", "no", "draft"), (0, 1, 1.0, "true", "True", None)),
    "form": ("PDF", "Form.pdf", ["pdf"]),
}
_ANYTHING = [None, True, False, [], {}, [1], *(value for values in _NEARLY.values() for value in values)]
_VALUE: st.SearchStrategy[Any] = st.sampled_from(_ANYTHING) | _NUMBER | _TEXT | _DAY | _UUID | _TIME
_FITTING: dict[str, st.SearchStrategy[Any]] = {
    "code": st.from_regex(r"[A-Z]{2}\d{2,6}", fullmatch=True, alphabet=st.characters(codec="ascii")),
    "channel": st.sampled_from(["mail", "sms", 7, None]),
    "colour": st.sampled_from(["r", "b b", 1]),
    "day": _DAY,
    "at": _TIME,
    "until": _TIME,
    "run_id": _UUID,
    "random_id": st.uuids(version=4).map(str),
    "this_century": st.dates(date(2000, 1, 1), date(2099, 12, 31)).map(date.isoformat),
    "draft": st.booleans(),
    "form": st.sampled_from(["pdf", "xlsx"]),
    "level": st.sampled_from([1, 20]),
    "event_id": st.from_regex(r"[a-z0-9_é周-]{1,20}", fullmatch=True),
    "note": st.from_regex(r"[a-zé]{1,5}", fullmatch=True),
    "name": st.sampled_from(["Zoë", "Ada Lovelace", "a.b-c"]),
    "yes": st.just(True),
    "no": st.booleans(),
    "other_colour": st.sampled_from(["r", 1]),
    "number": st.sampled_from(["12", 5]),
    "either": st.sampled_from(["12", 5]),
    "trimmed": st.sampled_from([" Ab ", "abc"]),
    "word": st.sampled_from(["AbC", "z"]),
    "mixed": st.sampled_from([1, True, "x"]),
    "of_members": st.just("x"),
    "today": _DAY,
}


@st.composite
def payloads(draw: st.DrawFn, request: type[JobRequest]) -> dict[str, Any]:
    """Of a kind; most have one or two fields that may not fit."""
    payload: dict[str, Any] = {}
    odd = draw(st.integers(0, 2))
    for field, info in draw(st.permutations(list(request.model_fields.items()))):
        name = info.alias or field
        if not info.is_required() and draw(st.integers(0, 3)) == 0:
            continue
        if odd and draw(st.booleans()):
            odd -= 1
            if draw(st.booleans()):
                nearly = st.sampled_from(_NEARLY.get(field, _NUMBERS))
                payload[name] = draw(nearly if draw(st.booleans()) else _VALUE)
        else:
            payload[name] = draw(_FITTING.get(field, st.integers(1, 8).map(lambda n: n * 12)))
    if draw(st.integers(0, 30)) == 0:
        payload[draw(st.sampled_from(["extra", "*", "kind", "orderId", "number"]))] = draw(_VALUE)
    return payload
