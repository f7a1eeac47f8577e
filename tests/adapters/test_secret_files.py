"""Secrets that stand in files."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from adapters.secret_files import NAMES, SecretFileUnusable, read
from adapters.settings import PaymentCallbackSettings, Settings


def test_a_file_stands_for_the_variable_and_processes_started_from_here_find_the_secret_alone(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("s3cret\n")
    environment = {"SMTP_PASSWORD_FILE": str(file), "SMTP_CA_FILE": "/etc/ca.pem"}

    read(environment)
    read(environment)

    assert environment == {"SMTP_PASSWORD": "s3cret", "SMTP_CA_FILE": "/etc/ca.pem"}


def test_an_empty_file_is_as_good_as_none(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("\n")
    environment = {"SMTP_PASSWORD_FILE": str(file), "ALERT_URLS_FILE": ""}

    read(environment)

    assert not environment


def test_a_secret_that_is_given_twice_is_refused_without_being_told(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("one")

    with pytest.raises(SecretFileUnusable) as refused:
        read({"SMTP_PASSWORD_FILE": str(file), "SMTP_PASSWORD": "another"})

    assert str(refused.value) == "SMTP_PASSWORD and SMTP_PASSWORD_FILE are both set: leave one of them out."


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretFileUnusable, match=r"^DATABASE_URL_FILE: .*gone cannot be read \(No such file"):
        read({"DATABASE_URL_FILE": str(tmp_path / "gone")})

    (tmp_path / "binary").write_bytes(b"\xff\x00s3cret")
    with pytest.raises(SecretFileUnusable, match="it is no text") as refused:
        read({"DATABASE_URL_FILE": str(tmp_path / "binary")})
    assert "s3cret" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_every_secret_among_the_settings_can_stand_in_a_file() -> None:
    groups: list[type[BaseSettings]] = [*map(type, Settings().groups), PaymentCallbackSettings]
    secrets = {
        f"{group.model_config.get('env_prefix', '')}{name}".upper()
        for group in groups
        for name, field in group.model_fields.items()
        if "Secret" in str(field.annotation)
    }

    # JOBS_ENCRYPTION_KEYS_FILE is read where the keys are.
    assert {name for name in secrets if not name.startswith("JOBS_ENCRYPTION_")} <= set(NAMES)
    assert {"DATABASE_URL", "SMTP_PASSWORD", "ALERT_URLS"} <= secrets
