"""Callbacks of both schemes: whose they are, what they say, and by which settings they are known.

They are signed by the libraries that the providers give out.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from adapters.configuration import problems, shown, values
from adapters.known_secrets import MASK
from adapters.payments.callbacks import (
    Callbacks,
    Event,
    NotTheirs,
    Unreadable,
    callbacks_of,
    standard_webhooks,
    stripe_scheme,
)
from adapters.settings import PaymentCallbackSettings
from tests.callback_signing import ANOTHER_SECRET, SECRET, Callback, Scheme, body_of, secret_of, signed

MAKE = {"standard": standard_webhooks, "stripe": stripe_scheme}
BY = {name: make([SECRET]) for name, make in MAKE.items()}

both_schemes = pytest.mark.parametrize("scheme", get_args(Scheme))


def refused(callbacks: Callbacks, headers: list[tuple[bytes, bytes]], body: bytes) -> str:
    """Why it is not taken for the provider's."""
    with pytest.raises(NotTheirs) as caught:
        callbacks(headers, body)
    return str(caught.value)


@both_schemes
def test_what_the_providers_library_has_signed_is_read_by_each_of_the_secrets(scheme: Scheme) -> None:
    new = secret_of(b"the new one of the same provider")
    callbacks = MAKE[scheme]([SECRET, new])
    kind = {"standard": "payment.captured", "stripe": "payment_intent.succeeded"}[scheme]
    # A clock may be four minutes off.
    for secret, ago in ((SECRET, 240), (new, -240)):
        callback = signed(scheme, secret=secret, ago=ago)
        event = callbacks(callback.raw_headers, callback.body)
        assert (event.id, event.type, event.payment_id) == ("evt_1", kind, "pi_1")
    forged = signed(scheme, secret=ANOTHER_SECRET)
    assert "does not fit" in refused(callbacks, forged.raw_headers, forged.body)


@both_schemes
def test_one_of_several_signatures_has_to_fit(scheme: Scheme) -> None:
    name, between = {"standard": ("webhook-signature", " "), "stripe": ("stripe-signature", ",")}[scheme]
    ours, others = signed(scheme), signed(scheme, secret=ANOTHER_SECRET)
    signatures = [each.headers[name].removeprefix(f"t={each.headers[name][2:12]},") for each in (others, ours)]
    moment = f"{ours.headers[name][:12]}," if scheme == "stripe" else ""
    both = Callback({**ours.headers, name: moment + between.join(signatures)}, ours.body)
    assert BY[scheme](both.raw_headers, both.body).id == "evt_1"
    twice = Callback({**ours.headers, name: moment + between.join([signatures[0]] * 2)}, ours.body)
    assert "does not fit" in refused(BY[scheme], twice.raw_headers, twice.body)


@both_schemes
@pytest.mark.parametrize("minutes", [6, -6, 60 * 24, -60 * 24 * 365])
def test_what_was_signed_six_minutes_ago_or_is_from_the_future_is_refused(scheme: Scheme, minutes: int) -> None:
    callback = signed(scheme, ago=minutes * 60)
    assert "too old" in refused(BY[scheme], callback.raw_headers, callback.body)


@both_schemes
def test_not_a_byte_of_the_body_can_be_another_one(scheme: Scheme) -> None:
    callback = signed(scheme)
    for body in (callback.body + b" ", b" " + callback.body, callback.body.replace(b"1250", b"1251"), b"", b"\xff"):
        refused(BY[scheme], callback.raw_headers, body)


@both_schemes
def test_a_header_that_is_missing_empty_or_there_twice_is_refused(scheme: Scheme) -> None:
    callback = signed(scheme)
    for name, value in callback.raw_headers:
        others = [header for header in callback.raw_headers if header[0] != name]
        assert name.decode() in refused(BY[scheme], others, callback.body)
        refused(BY[scheme], [*others, (name, b"")], callback.body)
        for second in (value, b"", b"other"):
            assert "once each" in refused(BY[scheme], [*callback.raw_headers, (name, second)], callback.body)
            assert "once each" in refused(BY[scheme], [(name, second), *callback.raw_headers], callback.body)


_NUL_DIGEST = base64.b64encode(bytes(32))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook-id", "évt_1".encode()),
        ("webhook-id", b"evt_2"),
        ("webhook-timestamp", b"now"),
        ("webhook-timestamp", b"9" * 400),
        ("webhook-timestamp", "١٧٧٤٧٧٣٠٠٠".encode()),
        ("webhook-signature", b"v1,\xff\xfe"),
        ("webhook-signature", b"v2," + _NUL_DIGEST),
        ("webhook-signature", b"v1," + _NUL_DIGEST),
    ],
)
def test_a_malformed_header_of_standard_webhooks_is_refused(name: str, value: bytes) -> None:
    callback = signed("standard")
    headers = [header for header in callback.raw_headers if header[0] != name.encode()]
    refused(BY["standard"], [*headers, (name.encode(), value)], callback.body)


@pytest.mark.parametrize(
    "change",
    [
        lambda header: header.replace("t=", "t=-"),
        lambda header: header.replace("t=", "x="),
        lambda header: header.replace("t=", "t=1,t="),
        lambda header: header.replace("v1=", "v0="),
        lambda header: header[:-1] + "é",
        lambda header: header.upper(),
        lambda _: "t=" + "9" * 400 + ",v1=" + "0" * 64,
        lambda _: "t=,v1=",
    ],
)
def test_a_malformed_header_of_stripe_is_refused(change: Any) -> None:
    callback = signed("stripe")
    header = change(callback.headers["stripe-signature"])
    refused(BY["stripe"], [(b"stripe-signature", header.encode())], callback.body)


def read(scheme: Scheme, body: Any, event_id: str = "evt_1") -> Event:
    callback = signed(scheme, body, event_id=event_id)
    return BY[scheme](callback.raw_headers, callback.body)


@both_schemes
@pytest.mark.parametrize("body", ["", "{", "[]", "null", '{"type":' + "[" * 60_000, '{"a": ' + "9" * 5000 + "}"])
def test_what_is_no_json_object_cannot_be_read(scheme: Scheme, body: str) -> None:
    with pytest.raises(Unreadable):
        read(scheme, body)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_a_body_in_another_encoding_cannot_be_read(encoding: str) -> None:
    body = json.dumps(body_of("stripe")).encode(encoding)
    at = int(time.time())
    signature = hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    with pytest.raises(Unreadable, match="UTF-8"):
        BY["stripe"]([(b"stripe-signature", f"t={at},v1={signature}".encode())], body)


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


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("SCHEME", "SECRETS"):
        monkeypatch.delenv(f"PAYMENT_CALLBACK_{name}", raising=False)
    return monkeypatch


@pytest.mark.parametrize("secrets", [None, "", " ", ",", " , "])
def test_without_a_secret_no_callback_is_taken(told: pytest.MonkeyPatch, secrets: str | None) -> None:
    if secrets is not None:
        told.setenv("PAYMENT_CALLBACK_SECRETS", secrets)
    assert callbacks_of(PaymentCallbackSettings()) is None


@pytest.mark.parametrize(
    ("scheme", "secrets"),
    [
        ("standard", "whsec_"),
        ("standard", "whsec_!!!!!!!!!!!!!!!!!!!!!!!!"),  # libraries decode it to nothing, by which anyone can sign
        ("standard", "whsec_c2hvcnQ="),
        ("standard", SECRET.removeprefix("whsec_")),
        ("standard", f"{SECRET},whsec_ü"),
        ("stripe", "whsec_short"),
        ("stripe", f"{SECRET},whsec_with a space in it"),
        ("neither", SECRET),
    ],
)
def test_what_can_be_no_secret_is_refused_and_not_repeated(told: pytest.MonkeyPatch, scheme: str, secrets: str) -> None:
    told.setenv("PAYMENT_CALLBACK_SCHEME", scheme)
    told.setenv("PAYMENT_CALLBACK_SECRETS", secrets)
    with pytest.raises(ValidationError) as caught:
        PaymentCallbackSettings()
    [problem] = problems(caught.value)
    name = "SCHEME" if scheme == "neither" else "SECRETS"
    assert problem.startswith(f"PAYMENT_CALLBACK_{name}: ")
    assert secrets.rpartition(",")[2] not in problem.replace("whsec_<", "")


def test_secrets_are_masked(told: pytest.MonkeyPatch) -> None:
    told.setenv("PAYMENT_CALLBACK_SECRETS", SECRET)
    settings = PaymentCallbackSettings()
    shown_values = {name: shown(value) for name, value in values(settings).items()}
    assert shown_values == {"PAYMENT_CALLBACK_SCHEME": "standard", "PAYMENT_CALLBACK_SECRETS": MASK}
    assert SECRET not in f"{settings!r} {settings}"
