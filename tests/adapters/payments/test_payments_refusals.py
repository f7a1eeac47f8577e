"""What the provider refuses fails in the way that says whether to try again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.payments.answers import LONGEST, retry_after
from adapters.payments.provider import StripePayments
from domain.errors import (
    AuthenticationFailed,
    Conflict,
    Gone,
    InvalidRequest,
    JobError,
    NetworkTimeout,
    NotFound,
    PermanentError,
    PermissionDenied,
    RateLimited,
    ServiceUnavailable,
    TransientError,
)
from tests.adapters.payments.conftest import MakePayments
from tests.payment_provider import ProviderController

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)

REFUSALS: dict[int, type[JobError]] = {
    400: InvalidRequest,
    401: AuthenticationFailed,
    402: Conflict,
    403: PermissionDenied,
    404: NotFound,
    405: ServiceUnavailable,
    408: NetworkTimeout,
    409: ServiceUnavailable,
    410: Gone,
    418: ServiceUnavailable,
    422: InvalidRequest,
    425: ServiceUnavailable,
    429: RateLimited,
    500: ServiceUnavailable,
    502: ServiceUnavailable,
    503: ServiceUnavailable,
    504: ServiceUnavailable,
    599: ServiceUnavailable,
    201: ServiceUnavailable,
    302: ServiceUnavailable,
}


@pytest.fixture
async def payment_id(provider: ProviderController) -> str:
    return (await provider.begin(1042, 100)).id


async def refused(payments: StripePayments, payment_id: str) -> JobError:
    with pytest.raises(JobError) as caught:
        await payments.get(payment_id)
    assert caught.value.__cause__ is None
    return caught.value


async def test_each_status_has_its_error(
    payments: StripePayments, provider: ProviderController, payment_id: str
) -> None:
    for status in REFUSALS:
        headers = {"Location": "/v1/payment_intents", "X-Payer": "alenka.novak@example.com"}
        body = '{"error": {"message": "alenka.novak@example.com has no account", "code": "alenka.novak"}}'
        await provider.misbehave("answer", status=status, headers=headers, body=body)

    found = {status: await refused(payments, payment_id) for status in REFUSALS}

    assert {status: type(error) for status, error in found.items()} == REFUSALS
    assert all(str(error).startswith(f"{status} from the payment provider") for status, error in found.items())
    assert not any("alenka" in str(error) for error in found.values())
    assert len(await provider.calls()) == len(REFUSALS)  # a redirect was not followed


@pytest.mark.parametrize("body", ["<html>Not here</html>", "", "[]", '{"error": "gone"}', '{"detail": "Not Found"}'])
async def test_a_permanent_refusal_by_another_than_the_provider_is_tried_again(
    payments: StripePayments, provider: ProviderController, payment_id: str, body: str
) -> None:
    permanent = [status for status, error in REFUSALS.items() if issubclass(error, PermanentError)]
    for status in permanent:
        await provider.misbehave("answer", status=status, body=body, content_type="text/html")

    found = [await refused(payments, payment_id) for _ in permanent]

    assert {type(error) for error in found} == {ServiceUnavailable}
    assert all("not in its manner: check PAYMENT_URL" in error.message for error in found)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
async def test_the_wait_that_the_provider_asks_for_is_kept(
    payments: StripePayments, provider: ProviderController, payment_id: str, status: int
) -> None:
    await provider.misbehave("answer", status=status, headers={"Retry-After": "7"})
    await provider.misbehave("answer", status=status)

    told, silent = await refused(payments, payment_id), await refused(payments, payment_id)

    assert isinstance(told, TransientError)
    assert told.retry_after == timedelta(seconds=7)
    assert isinstance(silent, TransientError)
    assert silent.retry_after is None


@pytest.mark.parametrize(
    ("status", "again", "error"),
    [(400, "true", ServiceUnavailable), (409, "false", Conflict), (500, "false", ServiceUnavailable)],
)
async def test_the_provider_may_say_whether_to_try_again(
    payments: StripePayments,
    provider: ProviderController,
    payment_id: str,
    status: int,
    again: str,
    error: type[JobError],
) -> None:
    await provider.misbehave("answer", status=status, headers={"Stripe-Should-Retry": again})

    assert type(await refused(payments, payment_id)) is error


async def test_no_key_at_all_fails_without_asking_and_a_wrong_one_is_not_repeated(
    make_payments: MakePayments, provider: ProviderController, payment_id: str
) -> None:
    wrong = await refused(make_payments(api_key="sk_live_not_ours"), payment_id)
    assert type(wrong) is AuthenticationFailed
    assert "sk_live" not in str(wrong)
    asked = len(await provider.calls())
    error = await refused(make_payments(api_key=None), payment_id)

    assert (type(error), error.message) == (AuthenticationFailed, "PAYMENT_API_KEY is not set")
    assert len(await provider.calls()) == asked


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("0", 0),
        ("7", 7),
        ("1.9", 1),
        ("86401", 86_400),
        ("9" * 5000, 86_400),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30),
        ("Tue, 24 Nov 2026 12:00:30 -0000", 30),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        ("Fri, 31 Dec 9999 23:59:59 -2300", None),
        ("", None),
        ("-5", None),
        ("1e3", None),
        ("\N{ARABIC-INDIC DIGIT SEVEN}", None),
    ],
)
def test_retry_after_comes_in_seconds_or_as_a_date(value: str, wait: int | None) -> None:
    found = retry_after(httpx.Headers({b"Retry-After": value.encode()}), NOW)

    assert found == (None if wait is None else timedelta(seconds=wait))


def test_a_date_is_compared_with_the_clock_of_the_side_that_sent_it() -> None:
    an_hour_ahead = {"Retry-After": "Tue, 24 Nov 2026 13:00:30 GMT", "Date": "Tue, 24 Nov 2026 13:00:00 GMT"}

    assert retry_after(httpx.Headers(an_hour_ahead), NOW) == timedelta(seconds=30)


@given(st.text(), st.text())
def test_whatever_retry_after_says_a_wait_is_none_or_at_most_a_day(value: str, date: str) -> None:
    found = retry_after({"retry-after": value, "date": date}, NOW)

    assert found is None or timedelta() <= found <= LONGEST
