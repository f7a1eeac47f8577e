"""Whatever an answer holds, it is a payment, or an error of ours that quotes nothing of it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.payments.api import longest_call
from adapters.payments.provider import StripePayments
from adapters.payments.shapes import DisputeList, Intent, payment_of, read
from adapters.settings import PaymentSettings
from domain.errors import JobError, ServiceUnavailable, TransientError
from domain.payments import Payment
from domain.policies import PAYMENT
from tests.payment_provider import ProviderController

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)

CHARGE: dict[str, Any] = {
    "object": "charge",
    "amount": 100,
    "amount_captured": 100,
    "amount_refunded": 40,
    "disputed": True,
}
INTENT: dict[str, Any] = {
    "object": "payment_intent",
    "id": "pi_1",
    "status": "succeeded",
    "amount": 100,
    "amount_received": 100,
    "currency": "eur",
    "metadata": {"order_id": "1042"},
    "last_payment_error": None,
    "latest_charge": CHARGE,
}
DISPUTES: dict[str, Any] = {"object": "list", "data": [{"object": "dispute", "amount": 10, "status": "lost"}]}

CANARY = "alenka.novak@example.com"


def understood(intent: bytes, disputes: bytes) -> Payment:
    found = read(Intent, intent, "payment pi_1")
    return payment_of(found, read(DisputeList, disputes, "payment pi_1").data)


def outcome(intent: object, disputes: object = DISPUTES) -> Payment | str:
    try:
        return understood(json.dumps(intent).encode(), json.dumps(disputes).encode())
    except ServiceUnavailable as exc:
        return exc.message


@given(st.sampled_from(sorted(INTENT)), st.sampled_from(sorted(CHARGE)), JSON)
def test_any_field_may_hold_anything(field: str, of_charge: str, value: object) -> None:
    for told in (
        {**INTENT, field: value},
        {**INTENT, "latest_charge": {**CHARGE, of_charge: value}},
        {key: told for key, told in INTENT.items() if key != field},
    ):
        found = outcome(told)
        assert isinstance(found, Payment) or "payment pi_1" in found or field == "id"
    outcome(INTENT, {**DISPUTES, "data": [{**DISPUTES["data"][0], "status": value}]})
    outcome(INTENT, {**DISPUTES, "data": [{**DISPUTES["data"][0], "amount": value}]})


@pytest.mark.parametrize("field", [*INTENT, *(f"latest_charge.{field}" for field in CHARGE)])
def test_an_error_quotes_no_value(field: str) -> None:
    of_intent, _, of_charge = field.partition(".")
    value = {**CHARGE, of_charge: CANARY} if of_charge else CANARY

    assert CANARY not in str(outcome({**INTENT, of_intent: value}))
    assert CANARY not in str(outcome({**INTENT, "metadata": {"order_id": CANARY, CANARY: CANARY}}))
    with pytest.raises(ServiceUnavailable) as caught:
        understood(b"{}", b"{}")
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("amount", [-1, 10.0, "10", 2**63, True, None])
def test_an_amount_is_a_whole_number_that_the_database_can_hold(amount: object) -> None:
    assert "without a usable amount_received" in str(outcome({**INTENT, "amount_received": amount}))
    assert "without a usable latest_charge" in str(
        outcome({**INTENT, "latest_charge": {**CHARGE, "amount_refunded": amount}})
    )


def test_a_dispute_whose_status_is_not_known_is_open() -> None:
    found = outcome(INTENT, {**DISPUTES, "data": [{"object": "dispute", "amount": 10, "status": "escalated"}]})

    assert isinstance(found, Payment)
    assert found.state == "disputed"


def test_a_status_that_is_not_known_or_tells_nothing_of_the_money_is_not_believed() -> None:
    assert "no charge, though it succeeded" in str(outcome({**INTENT, "latest_charge": None}))
    assert "a status that this version does not know" in str(outcome({**INTENT, "status": "requires_patience"}))
    assert "no dispute, though it is disputed" in str(outcome(INTENT, {**DISPUTES, "data": []}))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=JSON, status=st.integers(200, 599), header=st.text(st.characters(codec="ascii", categories=["L", "N"])))
async def test_whatever_comes_over_the_wire_a_call_ends_in_an_error_of_ours(
    payments: StripePayments, provider: ProviderController, told: object, status: int, header: str
) -> None:
    headers = {"Retry-After": header, "Request-Id": header, "Stripe-Should-Retry": header}
    await provider.misbehave("answer", status=status, body=json.dumps(told), headers=headers)

    with pytest.raises(JobError) as caught:
        await payments.get("pi_1")
    # Only what the provider says in its own manner is for good.
    ours = isinstance(told, dict) and isinstance(told.get("error"), dict)
    assert ours or isinstance(caught.value, TransientError)


def test_a_call_takes_less_than_an_attempt_may() -> None:
    assert longest_call(PaymentSettings()) == timedelta(seconds=15)
    assert longest_call(PaymentSettings()) < PAYMENT.attempt_limit * 0.95


def test_what_was_reserved_but_not_captured_is_not_a_refund_and_what_a_lost_dispute_took_is_one() -> None:
    part = {**CHARGE, "amount_captured": 70, "amount_refunded": 30, "disputed": False}

    captured = outcome({**INTENT, "amount_received": 70, "latest_charge": part}, {**DISPUTES, "data": []})
    lost = outcome(INTENT)

    assert isinstance(captured, Payment)
    assert isinstance(lost, Payment)
    assert (captured.state, captured.amount, captured.refunded) == ("captured", 70, 0)
    assert (lost.state, lost.refunded) == ("partially-refunded", 50)


def problem(**fields: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        PaymentSettings(**fields)
    return str(caught.value.errors(include_input=False)[0]["msg"])


@pytest.mark.parametrize(
    "url",
    ["http://api.stripe.com", "HTTP://10.0.0.1:8026", "http://127.0.0.1.example.com", "http://localhost.example.com"],
)
def test_the_key_does_not_go_unprotected_to_another_machine(url: str) -> None:
    assert "must begin with https://" in problem(url=url)


@pytest.mark.parametrize(
    "url", ["", "api.stripe.com", "ftp://127.0.0.1", "https://", "https://u:p@h", "https://h?a=b", "https://h/ x"]
)
def test_a_url_that_is_none_is_refused(url: str) -> None:
    assert "must be of the form https://host:port/path" in problem(url=url)


def test_a_key_is_taken_without_the_line_end_of_the_file_that_it_came_from() -> None:
    given_key = PaymentSettings.model_validate({"api_key": "sk_test_1\n"}).api_key

    assert given_key is not None
    assert given_key.get_secret_value() == "sk_test_1"
    assert "must be ASCII without spaces" in problem(api_key="sk test")
