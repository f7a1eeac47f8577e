"""No secret is shown, however it got into a setting."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from adapters.configuration import problems, shown, values, without_password
from adapters.job_settings import WorkerSettings
from adapters.known_secrets import MASK, mask
from adapters.settings import DatabaseSettings, SmtpSettings


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("postgresql://shop:s3cret@db:5432/shop", f"postgresql://shop:{MASK}@db:5432/shop"),
        ("postgresql://shop:s3/cr@et@db/shop", f"postgresql://shop:{MASK}@db/shop"),
        ("postgresql://shop@db/shop", "postgresql://shop@db/shop"),
        ("postgresql://db/shop?user=shop&password=s3cret", f"postgresql://db/shop?user=shop&password={MASK}"),
        ("postgresql://db/shop?sslmode=require", "postgresql://db/shop?sslmode=require"),
        ("postgresql://:s3cret@db/shop", f"postgresql://:{MASK}@db/shop"),
        ("postgresql://a:s3cret@db1:5432,db2:5432/shop", f"postgresql://a:{MASK}@db1:5432,db2:5432/shop"),
        ("127.0.0.1:7233", "127.0.0.1:7233"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, masked: str) -> None:
    assert without_password(url) == masked
    assert shown(SecretStr(url)) == (masked if "://" in url else MASK)


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"], exclude_characters=" "), min_size=12))
def test_no_password_of_a_url_survives(password: str) -> None:
    masked = mask({"DATABASE_URL": f"postgresql://user:{password}@db:5432/shop", "SMTP_PASSWORD": password})

    assert f"user:{password}" not in without_password(f"postgresql://user:{password}@db:5432/shop")
    for form in (password, quote(password, safe=""), json.dumps(password)):
        assert form not in masked(f"the driver says: bad {form}!")


def test_secrets_are_taken_out_of_texts_that_others_wrote() -> None:
    masked = mask(
        {
            "DATABASE_URL": "postgresql://shop:the%2Fpassword@db/shop?sslpassword=hush-hush",
            "ALERT_URLS": "json://ops:alert-password@chat.example.com/alert-token",
            "PAYMENT_CALLBACK_SECRETS": "whsec_callback-one,callback-two",
            "TEMPORAL_GRPC_META_AUTHORIZATION": "Bearer header-token",
            "MAIL_FROM_NAME": "the sender",
        }
    )

    assert masked("the/password hush-hush postgresql shop db") == f"{MASK} {MASK} postgresql shop db"
    assert masked("alert-password chat.example.com alert-token") == f"{MASK} chat.example.com {MASK}"
    assert masked("callback-one callback-two header-token the sender") == f"{MASK} {MASK} {MASK} the sender"
    assert mask({})("no secrets") == "no secrets"


def test_settings_are_named_by_their_variables_and_shown_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    named = {name: shown(value) for name, value in values(SmtpSettings(password=SecretStr("s3cret"))).items()}
    assert (named["SMTP_HOST"], named["SMTP_PASSWORD"], named["SMTP_USERNAME"]) == ("127.0.0.1", MASK, "")
    assert shown(timedelta(minutes=1)) == "60"

    monkeypatch.setenv("DATABASE_CONNECTIONS", "s3cret")
    with pytest.raises(ValidationError) as refused:
        DatabaseSettings()
    (problem,) = problems(refused.value)
    assert problem.startswith("DATABASE_CONNECTIONS: ")
    assert "s3cret" not in problem


@pytest.mark.parametrize(("text", "seconds"), [("30", 30), ("0.5", 0.5), ("PT2M", 120), ("00:01:00", 60)])
def test_durations_are_plain_seconds_or_iso_8601(monkeypatch: pytest.MonkeyPatch, text: str, seconds: float) -> None:
    monkeypatch.setenv("WORKER_DRAIN", text)

    assert WorkerSettings().drain.total_seconds() == seconds
