"""The scripts beside the compose file, run as they are."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from starter.encryption import keyring_from
from tests.deploy.machine import SCRIPTS_OF

TOOL = """#!/bin/sh
echo "$SQL_PASSWORD $*" >> {log}
case "$*" in *{fails_at}*) exit 1;; esac
"""


def make_secrets(folder: Path, *options: str) -> str:
    script = ["sh", str(SCRIPTS_OF / "make-secrets.sh"), *options, str(folder)]
    return subprocess.run(script, capture_output=True, text=True, check=True).stdout


def test_secrets_are_random_stay_as_they_are_and_are_nobody_elses(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    make_secrets(first)
    make_secrets(second)
    made = {path.name: path.read_text() for path in first.iterdir()}

    (first / "smtp_password").write_text("given")
    said = make_secrets(first)

    assert said == ""
    assert {path.name: path.read_text() for path in first.iterdir()} == made | {"smtp_password": "given"}
    random = {name for name, secret in made.items() if secret}
    assert {"postgres_password", "temporal_password", "shop_password", "reports_link_secrets"} <= random
    assert all(len(made[name]) >= 48 for name in random)
    assert all((second / name).read_text() != made[name] for name in random)
    assert made["shop_password"] in made["database_url"]
    assert first.stat().st_mode & 0o777 == 0o700
    # Containers get the files alone, and read them as users of their own.
    assert {path.stat().st_mode & 0o777 for path in first.iterdir()} == {0o644}


def test_a_key_of_encryption_is_made_only_when_asked_and_never_over_another(tmp_path: Path) -> None:
    file = tmp_path / "encryption_keys"
    make_secrets(tmp_path)
    assert file.read_text() == ""

    said = make_secrets(tmp_path, "--encryption-key", "2026-11")

    made = keyring_from({"JOBS_ENCRYPTION_KEYS_FILE": str(file)})
    assert made is not None
    assert made.current == "2026-11"
    key = file.read_text()
    assert key.partition(":")[2].strip() not in said
    assert make_secrets(tmp_path) == ""
    for refused in ("2026-12", "", "a b", "-x", "k" * 64):
        with pytest.raises(subprocess.CalledProcessError):
            make_secrets(tmp_path, "--encryption-key", refused)
    assert file.read_text() == key
    make_secrets(tmp_path / "another", "--encryption-key", "2026-11")
    assert (tmp_path / "another" / "encryption_keys").read_text() != key


def run_schema(tmp_path: Path, fails_at: str = "never") -> tuple[int, list[str]]:
    tool, log, secret = tmp_path / "temporal-sql-tool", tmp_path / "log", tmp_path / "temporal_password"
    tool.write_text(TOOL.format(log=log, fails_at=fails_at))
    tool.chmod(0o755)
    secret.write_text("s3cret")
    script = (SCRIPTS_OF / "temporal" / "schema.sh").read_text().replace("/run/secrets", str(tmp_path))
    done = subprocess.run(
        ["sh", "-c", script], env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, capture_output=True, check=False
    )
    return done.returncode, log.read_text().splitlines()


def test_both_of_temporals_databases_get_the_servers_schema(tmp_path: Path) -> None:
    status, calls = run_schema(tmp_path)

    common = "s3cret --plugin postgres12 --ep postgres -p 5432 -u temporal --db"
    versions = "/etc/temporal/schema/postgresql/v12"
    assert status == 0
    assert calls == [
        f"{common} temporal setup-schema -v 0.0",
        f"{common} temporal update-schema -d {versions}/temporal/versioned",
        f"{common} temporal_visibility setup-schema -v 0.0",
        f"{common} temporal_visibility update-schema -d {versions}/visibility/versioned",
    ]
