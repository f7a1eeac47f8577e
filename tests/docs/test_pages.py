"""What the pages name is there, and what they list is complete."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings
from temporalio.envconfig import ClientConfig
from temporalio.service import TLSConfig

from adapters.configuration import shown, values
from adapters.job_settings import CodecSettings
from adapters.settings import PaymentCallbackSettings, Settings
from demo.data.shop import orders
from domain.errors import PERMANENT, JobError, PermanentError, TransientError
from domain.payments import NEXT, PaymentState
from domain.policies import POLICIES
from starter.connection import DEFAULT_ADDRESS, web_ui_base
from starter.encryption import DECRYPT_ONLY, KEYS, KEYS_FILE
from tests.docs.house import PYTHON_HERE, ROOT, clean_environment
from tests.docs.pages import pages

README = ROOT / "README.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
PAYMENTS = ROOT / "docs" / "payments.md"
STATES = re.compile(r"(?<=<!-- states -->\n).*?(?=<!-- /states -->)", re.DOTALL)
KINDS = re.compile(r"(?<=<!-- kinds -->\n).*?(?=<!-- /kinds -->)", re.DOTALL)
ANCHOR = re.compile(r"[^\w\- ]")


TOUR = re.compile(r"<!-- tour -->\n```text\n.*?```", re.DOTALL)
"""Its orders are placed by the tour."""


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text(page), re.MULTILINE)
    return {ANCHOR.sub("", heading.lower()).replace(" ", "-") for heading in headings}


def rows(page: Path, heading: str) -> list[list[str]]:
    """Cells of the first table under a heading."""
    lines = text(page).split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0].splitlines()
    table = [line for line in lines if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def test_every_link_leads_somewhere() -> None:
    dead = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages()
        for target in re.findall(r"\]\(([^)]+)\)", text(page))
        if not target.startswith("https://")
        for path, _, anchor in [target.partition("#")]
        for found in [(page.parent / path) if path else page]
        if not found.exists() or (anchor and anchor not in anchors(found))
    ]

    assert not dead


def test_every_file_and_folder_that_is_named_is_there() -> None:
    example = {"workflows/confirmation_copy.py", "domain/confirmation_copy.py", "activities/confirmation_copy.py"}
    named = {
        (page, name)
        for page in pages()
        for name in re.findall(
            r"`((?:domain|activities|workflows|adapters|starter|demo|tests|benchmarks)/[\w./-]*)`", text(page)
        )
    }

    gone = [f"{page.name}: {name}" for page, name in named if name not in example and not (ROOT / name).exists()]

    assert named
    assert not gone


def test_every_order_that_is_named_is_one_of_the_demos() -> None:
    named = {
        int(number)
        for page in pages()
        for number in re.findall(r"(?:order_id=|--order-id |order-confirmation/)(\d+)", TOUR.sub("", text(page)))
    }

    assert named
    assert named <= {order.id for order in orders()}


def test_every_make_target_that_is_named_is_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", text(ROOT / "Makefile"), re.MULTILINE))

    named = {name for page in pages() for name in re.findall(r"`make ([a-z]+)`", text(page))}

    assert {"demo", "test"} <= named
    assert named <= targets


def test_the_table_of_kinds_is_what_the_command_prints() -> None:
    done = subprocess.run(
        [*PYTHON_HERE, "starter", "kinds", "--markdown"],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    found = KINDS.search(text(README))

    assert found is not None
    assert found[0] == done.stdout, "run `python -m tests.docs.test_pages` to write it anew"


@pytest.fixture
def defaults(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What every setting is where nobody says otherwise, as the pages show it."""
    groups: list[type[BaseSettings]] = [
        *(type(group) for group in Settings().groups),
        PaymentCallbackSettings,
        CodecSettings,
    ]
    for group in groups:
        for name in group.model_fields:
            monkeypatch.delenv(f"{group.model_config['env_prefix']}{name}".upper(), raising=False)
    monkeypatch.delenv("JOBS_WEB_UI", raising=False)
    ours = {name: shown(value).removesuffix(".0") for name, value in values(*(group() for group in groups)).items()}
    encryption = {KEYS: "", KEYS_FILE: "", DECRYPT_ONLY: "False"}
    return {**ours, **encryption, "TEMPORAL_ADDRESS": DEFAULT_ADDRESS, "JOBS_WEB_UI": web_ui_base()}


def test_every_setting_stands_in_the_table_with_its_default(defaults: dict[str, str]) -> None:
    table = {
        name: default.strip("`")
        for names, default, _ in rows(ARCHITECTURE, "Settings")
        for name in re.findall(r"`([A-Z_]+)`", names)
    }

    ours = {name: default for name, default in table.items() if name in defaults or not name.startswith("TEMPORAL_")}
    assert ours == defaults


def test_the_connection_heeds_every_variable_of_the_table(tmp_path: Path) -> None:
    certificate, profile = tmp_path / "any.pem", tmp_path / "temporal.toml"
    certificate.write_text("PEM")
    profile.write_text('[profile.shop]\naddress = "profile:1"\n')
    given = {
        "TEMPORAL_ADDRESS": "address:1",
        "TEMPORAL_NAMESPACE": "shop",
        "TEMPORAL_API_KEY": "key",
        "TEMPORAL_TLS": "true",
        "TEMPORAL_TLS_CLIENT_CERT_PATH": str(certificate),
        "TEMPORAL_TLS_CLIENT_KEY_PATH": str(certificate),
        "TEMPORAL_TLS_SERVER_CA_CERT_PATH": str(certificate),
        "TEMPORAL_TLS_SERVER_NAME": "temporal.example.com",
    }
    from_profile = {"TEMPORAL_CONFIG_FILE": str(profile), "TEMPORAL_PROFILE": "shop"}
    named = set(re.findall(r"`(TEMPORAL_[A-Z_]+)`", text(ARCHITECTURE)))

    told = ClientConfig.load_client_connect_config(disable_file=True, override_env_vars=given)
    by_profile = ClientConfig.load_client_connect_config(override_env_vars=from_profile)

    assert named == given.keys() | from_profile.keys()
    assert (told["target_host"], told["namespace"], told["api_key"]) == ("address:1", "shop", "key")
    assert isinstance(tls := told["tls"], TLSConfig)
    assert (tls.client_cert, tls.client_private_key, tls.server_root_ca_cert) == (b"PEM",) * 3
    assert tls.domain == "temporal.example.com"
    assert by_profile["target_host"] == "profile:1"


def test_every_error_stands_in_the_table_as_what_it_is() -> None:
    table = {name.strip("`"): what == "permanent" for name, what, *_ in rows(ROOT / "docs" / "job-design.md", "Errors")}

    leaves = [cls for base in (TransientError, PermanentError) for cls in base.__subclasses__()]
    ours = {cls.__name__: issubclass(cls, PermanentError) for cls in leaves if cls.__module__ == JobError.__module__}
    assert table == ours
    assert {name for name, permanent in table.items() if permanent} <= set(PERMANENT)


def payment_states() -> str:
    lines = [
        f"| `{state}` | {', '.join(f'`{after}`' for after in PaymentState if after in NEXT[state]) or 'nothing'} |\n"
        for state in PaymentState
    ]
    return "".join(["| after | may come |\n", "| --- | --- |\n", *lines])


def test_the_table_of_payment_states_is_the_state_machine() -> None:
    found = STATES.search(text(PAYMENTS))

    assert found is not None
    assert found[0] == payment_states(), "run `python -m tests.docs.test_pages` to write it anew"


def test_every_reason_that_the_page_on_payments_names_is_one_of_the_workflows() -> None:
    named = set(re.findall(r"`(payment-[a-z-]+)` \|", text(PAYMENTS)))

    assert named == set(re.findall(r'reason="([a-z-]+)"', text(ROOT / "workflows" / "payment_callback.py")))


def test_the_page_on_job_design_names_the_first_waits_of_every_policy_that_doubles() -> None:
    assert "Waits double: 5 s, 10 s, 20 s." in text(ROOT / "docs" / "job-design.md")
    waits = [[wait.total_seconds() for wait in policy.waits[:3]] for policy in POLICIES if policy.name != "webhook"]

    assert waits == [[5, 10, 20][: len(seconds)] for seconds in waits]


def test_the_change_log_begins_with_what_is_not_released_yet() -> None:
    headings = re.findall(r"^## (.+)$", text(ROOT / "CHANGELOG.md"), re.MULTILINE)

    assert headings[0] == "[Unreleased]"


def test_every_decision_is_dated_and_names_what_was_rejected() -> None:
    notes = sorted((ROOT / "docs" / "decisions").glob("*.md"))

    assert notes
    for note in notes:
        date = re.match(r"\d{4}-\d{2}-\d{2}", note.name)
        assert date is not None, note.name
        assert f"\n{date[0]}\n" in text(note), note.name
        assert "Rejected: " in text(note), note.name


def _write_tables() -> None:
    PAYMENTS.write_text(STATES.sub(lambda _: payment_states(), text(PAYMENTS)), encoding="utf-8")
    table = subprocess.run(
        [*PYTHON_HERE, "starter", "kinds", "--markdown"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    README.write_text(KINDS.sub(lambda _: table, text(README)), encoding="utf-8")


if __name__ == "__main__":
    _write_tables()
    sys.stdout.write("README.md and docs/payments.md have the tables of the code as it is now.\n")
