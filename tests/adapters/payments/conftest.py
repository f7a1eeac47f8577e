"""Adapters for the stack's payment provider, closed at the end of each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from pydantic import SecretStr

from adapters.payments.provider import StripePayments
from adapters.settings import PaymentSettings
from demo.payments.provider import API_KEY
from demo.stack import Stack
from tests.payment_provider import ProviderController

MakePayments = Callable[..., StripePayments]


@pytest.fixture
async def make_payments(stack: Stack, provider: ProviderController) -> AsyncIterator[MakePayments]:
    """`make_payments(**fields of PaymentSettings)`, for the provider `provider`."""
    made: list[StripePayments] = []

    def make(**fields: Any) -> StripePayments:
        told: dict[str, Any] = {"url": stack.payments_url, "api_key": SecretStr(API_KEY)} | fields
        made.append(StripePayments(PaymentSettings(**told)))
        return made[-1]

    await provider.clear()
    yield make
    for payments in made:
        await payments.aclose()


@pytest.fixture
async def payments(make_payments: MakePayments) -> StripePayments:
    """With the settings that one has without a word."""
    return make_payments()
