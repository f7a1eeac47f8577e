"""Callbacks of both schemes, rightly signed: what they say, and what makes two of them the same."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

import pytest

from adapters.payments.callbacks import Event, Unreadable
from tests.adapters.payments.test_callbacks import BY, both_schemes
from tests.callback_signing import SECRET, Scheme, body_of, signed


def read(scheme: Scheme, body: Any, event_id: str = "evt_1") -> Event:
    callback = signed(scheme, body, event_id=event_id)
    return BY[scheme].read(callback.raw_headers, callback.body)


@both_schemes
@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "null",
        '{"type":' + "[" * 60_000,
        '{"a": ' + "9" * 5000 + "}",
    ],
)
def test_what_is_no_json_object_cannot_be_read(scheme: Scheme, body: str) -> None:
    with pytest.raises(Unreadable):
        read(scheme, body)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_a_body_in_another_encoding_cannot_be_read(encoding: str) -> None:
    body = json.dumps(body_of("stripe")).encode(encoding)
    at = int(time.time())
    signature = hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    with pytest.raises(Unreadable, match="UTF-8"):
        BY["stripe"].read([(b"stripe-signature", f"t={at},v1={signature}".encode())], body)


_IDS = ["", "pi 1", "pi/1", "pi\n1", "pi\0", "x" * 256, "\ud800", 1, ["pi_1"], {}]


@both_schemes
@pytest.mark.parametrize("odd", _IDS)
def test_an_event_without_a_proper_id_type_or_payment_cannot_be_read(scheme: Scheme, odd: Any) -> None:
    with pytest.raises(Unreadable):
        read(scheme, body_of(scheme, payment_id=odd))
    with pytest.raises(Unreadable):
        read(scheme, body_of(scheme) | {"type": odd})
    if scheme == "stripe":
        with pytest.raises(Unreadable):
            read(scheme, body_of(scheme) | {"id": odd})
    elif isinstance(odd, str) and odd.isascii() and odd.isprintable() and odd:
        with pytest.raises(Unreadable):
            read(scheme, body_of(scheme), odd)


def test_an_event_of_a_payment_has_to_say_of_which_in_standard_webhooks_and_need_not_in_stripes() -> None:
    missing: list[Any] = [None, [], {}, {"payment_id": None}]
    for data in missing:
        with pytest.raises(Unreadable):
            read("standard", body_of("standard") | {"data": data})
    of_none: list[Any] = [None, {}, {"object": {"id": "ch_1", "object": "charge", "payment_intent": None}}]
    for data in of_none:
        assert read("stripe", body_of("stripe", kind="charge.succeeded") | {"data": data}).payment_id is None


@pytest.mark.parametrize(
    ("kind", "thing"),
    [
        ("payment_intent.succeeded", {"id": "pi_1", "object": "payment_intent"}),
        ("charge.refunded", {"id": "ch_1", "object": "charge", "payment_intent": "pi_1"}),
        ("charge.dispute.created", {"id": "dp_1", "object": "dispute", "payment_intent": "pi_1"}),
        ("refund.failed", {"id": "re_1", "object": "refund", "payment_intent": "pi_1"}),
    ],
)
def test_whatever_an_event_of_stripe_is_about_its_payment_is_found(kind: str, thing: dict[str, str]) -> None:
    assert read("stripe", body_of("stripe", kind=kind) | {"data": {"object": thing}}).payment_id == "pi_1"


@both_schemes
def test_an_event_of_a_type_that_nothing_is_done_about_is_of_no_payment(scheme: Scheme) -> None:
    event = read(scheme, body_of(scheme, kind="customer.created"))
    assert (event.type, event.payment_id) == ("customer.created", None)


@both_schemes
def test_the_same_event_written_down_anew_is_the_same(scheme: Scheme) -> None:
    body = body_of(scheme) | {"note": "für Ada"}
    hashes = {
        read(scheme, text).hash
        for text in (
            json.dumps(body),
            json.dumps(body, ensure_ascii=False, indent=2),
            json.dumps(dict(reversed(body.items())), separators=(",", ":")),
        )
    }
    if scheme == "stripe":  # which says how many deliveries are missing
        hashes.add(read(scheme, body | {"pending_webhooks": 1}).hash)
    assert len(hashes) == 1


@both_schemes
def test_an_event_that_says_anything_else_is_another_one(scheme: Scheme) -> None:
    bodies = [
        body_of(scheme),
        body_of(scheme, amount=1251),
        body_of(scheme, payment_id="pi_2"),
        body_of(scheme, kind="payment.refunded"),
        body_of(scheme) | {"more": None},
    ]
    assert len({read(scheme, body).hash for body in bodies}) == len(bodies)
