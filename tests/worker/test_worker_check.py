"""`worker.py --check`: what an operator asks first when nothing runs."""

from __future__ import annotations

import asyncio
import re

from demo.ports import free_port
from demo.stack import Stack
from starter.encryption import new_key
from starter.setup import wanted_search_attributes
from tests.namespaces import new_namespace
from tests.worker.worker_process import output_of

PARTS = (
    *("Kinds of job", "Temporal", "Search attributes", "Database", "Encryption"),
    *("Mail server", "Alert channels", "Payment provider"),
)


def findings(out: str) -> dict[str, str]:
    """`OK …` or `FAILED …` by part."""
    lines = [line for line in out.splitlines() if line.startswith(("OK", "FAILED"))]
    return {part: line for part in PARTS for line in lines if line.partition(" ")[2].strip().startswith(part)}


async def test_a_worker_that_has_all_it_needs_passes_and_its_secrets_stay_hidden(
    environment: dict[str, str], stack: Stack
) -> None:
    port = stack.ports.postgres
    name = environment["DATABASE_URL"].rpartition("/")[2]
    status, out, err = await output_of(
        environment
        | {
            "DATABASE_URL": f"postgresql://postgres:kept-hidden@127.0.0.1:{port}/{name}",
            # Nothing is sent for a check.
            "ALERT_URLS": f"json://ops:kept-secret@127.0.0.1:{free_port()}/kept-again",
            "TEMPORAL_API_KEY": "kept-anyway",
            "TEMPORAL_TLS": "false",
            "TEMPORAL_GRPC_META_AUTHORIZATION": "Bearer kept-from-all",
            "JOBS_ENCRYPTION_KEYS": new_key("2026-11"),
        },
        "--check",
    )

    found = findings(out)
    assert (status, err) == (0, "")
    assert [line.split()[0] for line in found.values()] == ["OK"] * len(PARTS)
    assert f"namespace {environment['TEMPORAL_NAMESPACE']}, server 1." in found["Temporal"]
    assert "order-confirmation (notifications)" in found["Kinds of job"]
    assert "2026-11 encrypts" in found["Encryption"]
    assert re.fullmatch(r"OK +Alert channels +json-[0-9a-f]{8}", found["Alert channels"])
    assert "kept" not in out
    lines = dict(line.split(maxsplit=1) for line in out.splitlines() if len(line.split()) > 1)
    assert lines["DATABASE_URL"] == f"postgresql://postgres:********@127.0.0.1:{port}/{name}"
    assert lines["ALERT_URLS"] == "json://********"
    assert lines["TEMPORAL_API_KEY"] == lines["TEMPORAL_GRPC_META_AUTHORIZATION"] == "********"
    assert lines["WORKER_DRAIN"] == "30"


async def test_servers_that_are_away_or_not_set_up_fail_with_what_to_do(
    environment: dict[str, str], stack: Stack
) -> None:
    port = free_port()
    away = {
        "SMTP_PORT": str(port),
        "SMTP_DATA_TIMEOUT": "600",
        "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{port}/shop",
        "TEMPORAL_ADDRESS": f"127.0.0.1:{port}",
    }
    bare = {
        "TEMPORAL_NAMESPACE": (await new_namespace(stack)).namespace,
        "DATABASE_URL": stack.postgres.url_of("postgres"),
    }
    (status, out, _), (bare_status, bare_out, _) = await asyncio.gather(
        *(output_of(environment | missing, "--check") for missing in (away, bare))
    )

    found = findings(out)
    assert (status, bare_status) == (1, 1)
    assert {name for name, line in found.items() if line.startswith("OK")} == {
        *("Encryption", "Alert channels", "Payment provider")
    }
    assert "check SMTP_HOST and SMTP_PORT" in found["Mail server"]
    assert "SMTP_DATA_TIMEOUT" in found["Kinds of job"], "it is longer than an attempt"
    assert "127.0.0.1" in found["Database"]
    assert "TEMPORAL_ADDRESS" in found["Temporal"]
    found = findings(bare_out)
    assert {name for name, line in found.items() if line.startswith("FAILED")} == {"Search attributes", "Database"}
    assert "run `jobs setup`" in found["Database"]
    assert ", ".join(sorted(wanted_search_attributes())) in found["Search attributes"]
