"""What the compose file promises of the machine that it is started on."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import yaml

from adapters.job_settings import WorkerSettings
from adapters.reports.maker import MAX_CONCURRENCY as PARTS_AT_ONCE
from adapters.secret_files import NAMES
from adapters.settings import DatabaseSettings, OutboxSettings
from adapters.stopping import MARGIN
from starter.encryption import KEYS
from tests.deploy.compose_file import (
    COMPOSE,
    ELSEWHERE,
    EXAMPLE,
    commented_out,
    services,
    settings_of,
    whole,
)
from tests.docs.house import ROOT
from workflows.registry import registry

SERVICES = services()
OURS = [service for service in SERVICES.values() if service.is_ours]
WORKERS = [service for service in OURS if "worker" in service.command]
SERVING = [service for service in OURS if "uvicorn" in service.command]
LONG_RUNNING = [service for service in SERVICES.values() if service.told["restart"] == "unless-stopped"]


def drain_of(environment: dict[str, str]) -> timedelta:
    told = environment.get("WORKER_DRAIN")
    return timedelta(seconds=float(told)) if told else WorkerSettings().drain


def test_every_queue_has_workers_and_none_has_two_kinds_of_them() -> None:
    served = [queue for worker in WORKERS for queue in worker.command[-1].split(",")]

    assert sorted(served) == registry.queues()


def test_no_service_is_killed_sooner_than_it_can_take_to_end() -> None:
    for worker in WORKERS:
        # Once more, for the parent of several processes.
        assert worker.grace >= (drain_of(worker.environment) + 2 * MARGIN).total_seconds(), worker.name
    assert {each.name for each in SERVING} == {"api", "codec"}
    for each in SERVING:
        (limit,) = (int(word.partition("=")[2]) for word in each.command if word.startswith("--timeout-graceful"))
        assert each.grace >= limit + MARGIN.total_seconds(), each.name


def test_no_port_is_reached_from_other_machines() -> None:
    published = {name: port for name, each in SERVICES.items() for port in each.told.get("ports", [])}

    assert set(published) == {"temporal", "temporal-ui", "api", "codec", "mailpit", "prometheus", "grafana"}
    assert all(port.startswith("127.0.0.1:") for port in published.values())


def test_images_are_pinned_and_services_are_limited_and_restarted() -> None:
    for service in SERVICES.values():
        tag = service.told["image"].rpartition(":")[2]
        assert service.is_ours or re.fullmatch(r"v?\d+\.\d+\.\d+|\d+\.\d+-trixie", tag), service.told["image"]
        assert service.told["deploy"]["resources"]["limits"]["memory"], service.name
        assert service.told["logging"]["options"]["max-size"], service.name
        assert service.told["restart"] == "unless-stopped" or service.told["restart"].startswith("on-failure")


def test_postgresql_has_connections_for_all_and_for_twice_the_workers() -> None:
    (most,) = re.findall(r"max_connections=(\d+)", " ".join(SERVICES["postgres"].command))
    temporal = SERVICES["temporal"].environment
    # Frontend, history, matching and worker each have pools of their own.
    of_temporal = 4 * (int(temporal["SQL_MAX_CONNS"]) + int(temporal["SQL_VIS_MAX_CONNS"]))
    pool = DatabaseSettings().connections
    # Jobs, readiness, the relay's batches and its ear, and the parts of reports.
    of_a_worker = pool + 1 + OutboxSettings().batches + 2 + PARTS_AT_ONCE
    workers = sum(worker.told["deploy"]["replicas"] for worker in WORKERS)
    of_the_interface = pool + 4

    of_the_codec_server = pool

    assert of_temporal + 2 * workers * of_a_worker + of_the_interface + of_the_codec_server < int(most)


def test_our_containers_may_change_nothing_but_their_own_folders() -> None:
    for service in OURS:
        told = service.told
        assert told["read_only"], service.name
        assert told["cap_drop"] == ["ALL"], service.name
        assert told["security_opt"] == ["no-new-privileges:true"], service.name
        assert told["user"] == "10001:10001", service.name
        volumes = [volume.split(":")[1] for volume in told.get("volumes", [])]
        assert "/tmp" in [*volumes, *(each.partition(":")[0] for each in told["tmpfs"])], service.name


def test_nothing_is_started_before_what_it_needs() -> None:
    needs = {
        name: {other: how["condition"] for other, how in each.told.get("depends_on", {}).items()}
        for name, each in SERVICES.items()
    }

    assert needs["temporal"] == {"temporal-schema": "service_completed_successfully"}
    assert needs["setup"] == {"postgres": "service_healthy", "temporal-namespace": "service_completed_successfully"}
    for service in (*WORKERS, *SERVING):
        assert needs[service.name]["setup"] == "service_completed_successfully"
    ends = {name for name, each in SERVICES.items() if each not in LONG_RUNNING}
    # `docker compose up --wait` takes the end of one that nothing which runs on waits for as a failure.
    assert ends == {other for service in LONG_RUNNING for other in needs[service.name] if other in ends}
    for name, of in needs.items():
        for other, condition in of.items():
            assert (condition == "service_completed_successfully") == (other in ends), f"{name}: {other}"
            assert condition != "service_healthy" or "test" in SERVICES[other].told["healthcheck"], f"{name}: {other}"


def test_secrets_are_files_and_stand_in_no_environment() -> None:
    secrets = {*NAMES, KEYS}
    for service in OURS:
        # Not even where they are handed on if they are set.
        assert not service.told["environment"].keys() & secrets, service.name
        named = {
            value.removeprefix("/run/secrets/")
            for variable, value in service.environment.items()
            if variable.removesuffix("_FILE") in secrets
        }
        # Certificates: what .env names where there are any, or `database_url` itself.
        named |= {
            value.removeprefix("/run/secrets/")
            for variable, value in commented_out(EXAMPLE.read_text(encoding="utf-8")).items()
            if variable in service.told["environment"] and value.startswith("/run/secrets/")
        } | {"database_ca"}
        assert named == set(service.secrets), service.name
    # Who may decrypt is to have no more than that takes.
    assert set(SERVICES["codec"].secrets) == {"database_url", "database_listen_url", "database_ca", "encryption_keys"}
    script = (ROOT / "deploy" / "compose" / "make-secrets.sh").read_text(encoding="utf-8")
    lists = re.findall(r"^for given in ([^;]*); do", script, re.MULTILINE)
    made = set(re.findall(r"^make (\w+)", script, re.MULTILINE)) | set(re.findall(r"\w+", " ".join(lists)))
    document = whole()
    assert made == set(document["secrets"])
    given = {secret for service in SERVICES.values() for secret in service.secrets}
    assert given == set(document["secrets"])
    assert all(secret["file"] == f"./deploy/compose/secrets/{name}" for name, secret in document["secrets"].items())


def test_secrets_and_settings_get_neither_into_git_nor_into_the_image() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    sent = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()

    assert {"/.env", "/deploy/compose/secrets/"} <= set(ignored)
    assert next(line for line in sent if not line.startswith("#")) == "*"
    assert not {line for line in sent if line.startswith(("!deploy", "!.env", "!."))}


def test_the_example_shows_every_setting_of_the_file_and_no_other() -> None:
    text = COMPOSE.read_text(encoding="utf-8")
    handed_on = set(re.findall(r"^  (?:    )?([A-Z_]+):$", text, re.MULTILINE))
    asked = set(re.findall(r"\$\{(\w+)", text)) | handed_on
    example = EXAMPLE.read_text(encoding="utf-8")

    shown = settings_of(example).keys() | commented_out(example).keys()

    assert asked - shown == {"WORKER_LOG_LEVEL", "FORWARDED_ALLOW_IPS"}  # for those who look for trouble
    assert shown - asked == {"COMPOSE_PROFILES", "COMPOSE_FILE"}  # for docker compose itself


@pytest.mark.parametrize("profiles", [(), ("mailpit", "monitoring", "encryption")], ids=("bare", "all"))
def test_where_temporal_runs_elsewhere_nothing_waits_for_one_here(profiles: tuple[str, ...]) -> None:
    changes: dict[str, Any] = yaml.safe_load(ELSEWHERE.read_text(encoding="utf-8"))["services"]
    assert commented_out(EXAMPLE.read_text(encoding="utf-8"))["COMPOSE_FILE"] == (
        f"{COMPOSE.name}:{ELSEWHERE.relative_to(ROOT)}"
    )
    # As Compose merges them: lists are added to, mappings are joined.
    of = {
        name: [*each.told.get("profiles", []), *changes.get(name, {}).get("profiles", [])]
        for name, each in SERVICES.items()
    }
    on = {name for name, wanted in of.items() if not wanted or set(wanted) & set(profiles)}

    assert changes.keys() <= SERVICES.keys()
    assert not [name for name in on if name.startswith("temporal")]
    assert {"setup", "api", "postgres", *(worker.name for worker in WORKERS)} <= on
    for name in on:
        needs = SERVICES[name].told.get("depends_on", {})
        changed = changes.get(name, {}).get("depends_on", {})
        assert changed.keys() == needs.keys() - on, name
        for other, how in changed.items():
            assert how == {**needs[other], "required": False}, f"{name}: {other}"
