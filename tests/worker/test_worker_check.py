"""`worker.py --check`: what an operator asks first when nothing runs."""

from __future__ import annotations

import re

import pytest

from demo.ports import free_port
from demo.stack import Stack
from starter.setup import wanted_search_attributes
from tests.namespaces import new_namespace
from tests.worker.worker_process import output_of

PARTS = (
    "Kinds of job",
    "Temporal",
    "Search attributes",
    "Database",
    "Mail server",
    "Alert channels",
    "Payment provider",
)


def findings(out: str) -> dict[str, str]:
    """`OK …` or `FAILED …` by part."""
    lines = [line for line in out.splitlines() if line.startswith(("OK", "FAILED"))]
    return {part: line for part in PARTS for line in lines if line.partition(" ")[2].strip().startswith(part)}


async def test_a_worker_that_has_all_it_needs_passes(environment: dict[str, str]) -> None:
    status, out, err = await output_of(environment, "--check")

    assert (status, err) == (0, "")
    assert [line.split()[0] for line in findings(out).values()] == ["OK"] * len(PARTS)
    assert f"namespace {environment['TEMPORAL_NAMESPACE']}, server 1." in findings(out)["Temporal"]
    assert "order-confirmation (notifications)" in findings(out)["Kinds of job"]


async def test_the_configuration_is_shown_with_all_its_secrets_masked(
    environment: dict[str, str], stack: Stack
) -> None:
    port = stack.ports.postgres
    status, out, err = await output_of(
        environment
        | {
            "DATABASE_URL": f"postgresql://postgres:kept-hidden@127.0.0.1:{port}/shop?sslpassword=kept-too",
            "SMTP_USERNAME": "corner-shop",
            "SMTP_PASSWORD": "kept-as-well",
            "ALERT_URLS": "slack://T1JJ3T3L2/A1BRTD4JD/keptkeptkeptkeptkeptkept/#ops, json://ops:kept@127.0.0.1/kept-again",
            "TEMPORAL_API_KEY": "kept-anyway",
            "TEMPORAL_TLS": "false",
            "TEMPORAL_GRPC_META_AUTHORIZATION": "Bearer kept-from-all",
        },
        "--check",
    )

    assert status == 1  # the inbox takes no login
    assert "kept" not in out + err
    lines = dict(line.split(maxsplit=1) for line in out.splitlines() if len(line.split()) > 1)
    assert lines["DATABASE_URL"] == f"postgresql://postgres:********@127.0.0.1:{port}/shop?sslpassword=********"
    assert lines["SMTP_USERNAME"] == "corner-shop"
    assert lines["SMTP_PASSWORD"] == "********"
    assert lines["ALERT_URLS"] == "slack://********,json://********"
    assert lines["TEMPORAL_API_KEY"] == "********"
    assert lines["TEMPORAL_GRPC_META_AUTHORIZATION"] == "********"
    assert lines["WORKER_DRAIN"] == "30"


@pytest.mark.parametrize(
    ("variable", "part", "remedy"),
    [
        ("SMTP_PORT", "Mail server", "check SMTP_HOST and SMTP_PORT"),
        ("DATABASE_URL", "Database", "127.0.0.1"),
        ("TEMPORAL_ADDRESS", "Temporal", "TEMPORAL_ADDRESS"),
    ],
)
async def test_a_server_that_is_away_fails_with_what_to_look_at(
    environment: dict[str, str], variable: str, part: str, remedy: str
) -> None:
    nobody = str(free_port())
    away = {
        "SMTP_PORT": nobody,
        "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{nobody}/shop",
        "TEMPORAL_ADDRESS": f"127.0.0.1:{nobody}",
    }
    status, out, _ = await output_of(environment | {variable: away[variable]}, "--check")

    found = findings(out)
    assert status == 1
    assert found[part].startswith("FAILED")
    assert remedy in found[part]
    others = {name for name, line in found.items() if line.startswith("FAILED")} - {part}
    assert others == ({"Search attributes"} if part == "Temporal" else set())


async def test_a_database_without_our_schema_fails_with_the_command_that_makes_it(
    environment: dict[str, str], stack: Stack
) -> None:
    status, out, _ = await output_of(
        environment | {"DATABASE_URL": stack.postgres.url_of("postgres")},
        "--check",
    )

    assert status == 1
    assert findings(out)["Database"].startswith("FAILED")
    assert "run `jobs setup`" in findings(out)["Database"]


async def test_a_namespace_that_is_not_there_fails_with_the_command_that_makes_it(environment: dict[str, str]) -> None:
    status, out, _ = await output_of(environment | {"TEMPORAL_NAMESPACE": "nowhere"}, "--check")

    assert status == 1
    assert "temporal operator namespace create -n nowhere" in findings(out)["Temporal"]


async def test_search_attributes_that_are_missing_are_named(environment: dict[str, str], stack: Stack) -> None:
    bare = await new_namespace(stack)

    status, out, _ = await output_of(environment | {"TEMPORAL_NAMESPACE": bare.namespace}, "--check")

    assert status == 1
    assert findings(out)["Temporal"].startswith("OK")
    assert findings(out)["Search attributes"].startswith("FAILED")
    assert ", ".join(sorted(wanted_search_attributes())) in findings(out)["Search attributes"]


async def test_alert_channels_are_named_and_a_url_that_cannot_work_is_refused_by_its_number(
    environment: dict[str, str],
) -> None:
    away = f"json://ops:kept-secret@127.0.0.1:{free_port()}/kept-token"
    _, out, _ = await output_of(environment | {"ALERT_URLS": away}, "--check")
    refused, _, err = await output_of(environment | {"ALERT_URLS": f"{away},nonsense://kept"}, "--check")

    # Nothing is sent for a check: nobody would take it.
    assert re.fullmatch(r"OK +Alert channels +json-[0-9a-f]{8}", findings(out)["Alert channels"])
    assert refused == 2
    assert err.startswith("worker: Number 2 of ALERT_URLS is no URL that Apprise can use")
    assert "kept" not in out + err


async def test_time_limits_longer_than_an_attempt_fail_with_the_settings_to_lower(environment: dict[str, str]) -> None:
    status, out, _ = await output_of(environment | {"SMTP_DATA_TIMEOUT": "600"}, "--check")

    assert status == 1
    assert findings(out)["Kinds of job"].startswith("FAILED")
    assert "SMTP_DATA_TIMEOUT" in findings(out)["Kinds of job"]
