"""What callbacks are known by: read from the environment, refused where it lets others in, and never shown."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from adapters.configuration import problems, shown, values
from adapters.known_secrets import MASK
from adapters.payments.callbacks import callbacks_of
from adapters.settings import PaymentCallbackSettings
from tests.callback_signing import SECRET, secret_of

NEW = secret_of(b"the new one of the same provider")


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
