"""The scripts beside the compose file, run as they are."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.deploy.machine import SCRIPTS_OF

TOOL = """#!/bin/sh
echo "$SQL_PASSWORD $*" >> {log}
case "$*" in *{fails_at}*) exit 1;; esac
"""


def make_secrets(folder: Path) -> str:
    script = ["sh", str(SCRIPTS_OF / "make-secrets.sh"), str(folder)]
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


def test_a_schema_that_cannot_be_made_ends_the_script(tmp_path: Path) -> None:
    status, calls = run_schema(tmp_path, fails_at="update-schema")

    assert status != 0
    assert len(calls) == 2
