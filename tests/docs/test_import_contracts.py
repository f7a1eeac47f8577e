"""Each contract of import-linter catches what it is there for."""

from __future__ import annotations

import configparser
import subprocess

import pytest

from tests.docs.house import ROOT, SCRIPTS, clean_environment, copy_rooms

VIOLATIONS = {
    "flow": [
        ("workflows/order_confirmation.py", "starter.jobs"),
        ("activities/order_confirmation.py", "workflows.registry"),
        ("domain/orders.py", "activities.order_confirmation"),
    ],
    "domain": [
        ("domain/errors.py", "temporalio"),
        ("domain/orders.py", "sqlalchemy"),
        ("domain/mail.py", "adapters.settings"),
    ],
    "decide-and-do": [
        ("workflows/order_confirmation.py", "adapters.settings"),
        ("activities/order_confirmation.py", "aiosmtplib"),
    ],
    "activities": [("activities/order_confirmation.py", "activities.interceptor")],
    "adapters": [
        ("adapters/db/orders.py", "starter.jobs"),
        ("adapters/email/sender.py", "activities.interceptor"),
    ],
    "starter": [
        ("starter/jobs.py", "adapters.settings"),
        ("starter/connection.py", "demo.stack"),
    ],
    "http": [
        ("starter/http/orders.py", "adapters.db.orders"),
        ("starter/http/reports.py", "sqlalchemy"),
    ],
    "root": [("starter/cli/setup.py", "worker")],
}
"""By contract: files, and an import in each that the contract forbids."""


def _contracts() -> dict[str, str]:
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    prefix = "importlinter:contract:"
    return {name.removeprefix(prefix): parser[name]["name"] for name in parser.sections() if name.startswith(prefix)}


def test_every_contract_is_put_to_the_test() -> None:
    assert VIOLATIONS.keys() == _contracts().keys()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What import-linter reports of a copy of the project with all of these imports, by contract."""
    folder = copy_rooms(tmp_path_factory.mktemp("house"))
    for file, imported in (line for lines in VIOLATIONS.values() for line in lines):
        with (folder / file).open("a", encoding="utf-8") as changed:
            changed.write(f"\nimport {imported}\n")

    done = subprocess.run(
        [SCRIPTS / "lint-imports", "--no-cache"],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    summary, _, details = done.stdout.partition("Broken contracts")
    reports: dict[str, str] = {}
    for contract, name in _contracts().items():
        assert f"{name} BROKEN" in " ".join(summary.split()), done.stdout + done.stderr
        _, _, rest = details.partition(f"{name}\n---")
        reports[contract] = rest.partition("\n---")[0]
    return reports


@pytest.mark.parametrize(
    ("contract", "file", "imported"),
    [(contract, file, imported) for contract, lines in VIOLATIONS.items() for file, imported in lines],
)
def test_a_forbidden_import_is_reported(report: dict[str, str], contract: str, file: str, imported: str) -> None:
    assert f"{file.removesuffix('.py').replace('/', '.')} -> {imported}" in report[contract]
