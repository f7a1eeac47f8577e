"""No secret is shown, however it got into a setting."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from adapters.configuration import MASK, Mask, problems, secrets, shown, values, without_password
from adapters.settings import DatabaseSettings, SmtpSettings
from adapters.worker_settings import WorkerSettings


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
    assert f"user:{password}" not in without_password(f"postgresql://user:{password}@db:5432/shop")
    assert password not in Mask([f"postgresql://user:{password}@db:5432/shop"])(f"the driver says: bad {password}!")


def test_a_secret_that_is_no_url_is_masked_whole() -> None:
    assert shown(SecretStr("s3cret")) == MASK


def test_what_is_not_set_is_shown_as_nothing() -> None:
    assert shown(None) == ""


def test_durations_are_shown_in_seconds() -> None:
    assert shown(timedelta(minutes=1)) == "60"


def test_secrets_are_taken_out_of_texts_that_others_wrote() -> None:
    mask = Mask(["postgresql://shop:s3cret@db/shop?sslpassword=hush-hush", "api-key", None])

    assert mask("user shop, password s3cret, hush-hush, api-key") == f"user shop, password {MASK}, {MASK}, {MASK}"


def test_settings_are_named_by_their_variables() -> None:
    smtp = SmtpSettings(host="mail", password=SecretStr("s3cret"))
    named = values(smtp)

    assert named["SMTP_HOST"] == "mail"
    assert secrets(named) == ["s3cret"]


def test_what_is_wrong_with_a_setting_is_told_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_CONNECTIONS", "s3cret")
    with pytest.raises(ValidationError) as refused:
        DatabaseSettings()

    (problem,) = problems(refused.value)
    assert problem.startswith("DATABASE_CONNECTIONS: ")
    assert "s3cret" not in problem


@pytest.mark.parametrize(("text", "seconds"), [("30", 30), ("0.5", 0.5), ("PT2M", 120), ("00:01:00", 60)])
def test_durations_are_plain_seconds_or_iso_8601(monkeypatch: pytest.MonkeyPatch, text: str, seconds: float) -> None:
    monkeypatch.setenv("WORKER_DRAIN", text)

    assert WorkerSettings().drain == timedelta(seconds=seconds)
