"""Each contract of import-linter catches what it is there for."""

from __future__ import annotations

import configparser
import subprocess
from pathlib import Path

import pytest

from tests.docs.house import ROOT, SCRIPTS, clean_environment, copy_rooms

VIOLATIONS = {
    "flow": [
        ("workflows/order_confirmation.py", "import starter.jobs"),
        ("activities/order_confirmation.py", "import workflows.registry"),
        ("domain/orders.py", "import activities.order_confirmation"),
    ],
    "domain": [
        ("domain/errors.py", "import temporalio.exceptions"),
        ("domain/orders.py", "import sqlalchemy"),
        ("domain/mail.py", "import adapters.settings"),
    ],
    "decide-and-do": [
        ("workflows/order_confirmation.py", "import adapters.settings"),
        ("activities/order_confirmation.py", "import aiosmtplib"),
    ],
    "activities": [("activities/order_confirmation.py", "import activities.interceptor")],
    "adapters": [
        ("adapters/db/orders.py", "import starter.jobs"),
        ("adapters/email/sender.py", "import activities.interceptor"),
    ],
    "starter": [
        ("starter/jobs.py", "import adapters.settings"),
        ("starter/connection.py", "import demo.stack"),
    ],
    "http": [
        ("starter/http/orders.py", "import adapters.db.orders"),
        ("starter/http/gate.py", "import sqlalchemy"),
    ],
    "root": [("starter/cli/setup.py", "import worker")],
}
"""By contract: files, and a line in each that the contract forbids."""


def _contracts() -> dict[str, str]:
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    prefix = "importlinter:contract:"
    return {name.removeprefix(prefix): parser[name]["name"] for name in parser.sections() if name.startswith(prefix)}


def test_every_contract_is_put_to_the_test() -> None:
    assert VIOLATIONS.keys() == _contracts().keys()


@pytest.mark.parametrize(
    ("contract", "file", "line"),
    [(contract, file, line) for contract, lines in VIOLATIONS.items() for file, line in lines],
)
def test_a_forbidden_import_breaks_its_contract(tmp_path: Path, contract: str, file: str, line: str) -> None:
    changed = copy_rooms(tmp_path) / file
    changed.write_text(changed.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")

    done = subprocess.run(
        [SCRIPTS / "lint-imports", "--no-cache", "--contract", contract],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    assert f"{_contracts()[contract]} BROKEN" in said
    assert f"{file.removesuffix('.py').replace('/', '.')} -> " in said
