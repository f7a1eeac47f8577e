"""Callbacks of both schemes: whose they are. They are signed by the libraries that the providers give out."""

from __future__ import annotations

import base64
from typing import Any, get_args

import pytest

from adapters.payments.callbacks import Callbacks, NotTheirs, standard_webhooks, stripe_scheme
from tests.callback_signing import ANOTHER_SECRET, SECRET, Callback, Scheme, secret_of, signed

MAKE = {"standard": standard_webhooks, "stripe": stripe_scheme}
BY = {name: make([SECRET]) for name, make in MAKE.items()}

both_schemes = pytest.mark.parametrize("scheme", get_args(Scheme))


def refused(callbacks: Callbacks, headers: list[tuple[bytes, bytes]], body: bytes) -> str:
    """Why it is not taken for the provider's."""
    with pytest.raises(NotTheirs) as caught:
        callbacks.read(headers, body)
    return str(caught.value)


@both_schemes
def test_what_the_providers_library_has_signed_is_read_by_each_of_the_secrets(scheme: Scheme) -> None:
    new = secret_of(b"the new one of the same provider")
    callbacks = MAKE[scheme]([SECRET, new])
    kind = {"standard": "payment.captured", "stripe": "payment_intent.succeeded"}[scheme]
    # A clock may be four minutes off.
    for secret, ago in ((SECRET, 240), (new, -240)):
        callback = signed(scheme, secret=secret, ago=ago)
        event = callbacks.read(callback.raw_headers, callback.body)
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
    assert BY[scheme].read(both.raw_headers, both.body).id == "evt_1"
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
