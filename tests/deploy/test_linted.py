"""What others' programs say of the deployment files."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deploy.compose_file import ELSEWHERE as _ELSEWHERE
from tests.docs.house import ROOT, SCRIPTS

ELSEWHERE = str(_ELSEWHERE.relative_to(ROOT))
MANIFESTS = sorted((ROOT / "deploy" / "kubernetes").rglob("*.yaml"))
pytestmark = pytest.mark.long

KUBERNETES = ("1.32", "1.37")
"""The oldest and the newest version that the manifests are for."""


def clean(*command: str) -> str:
    """What a linter has to say; nothing is good."""
    done = subprocess.run(
        [str(SCRIPTS / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr if done.returncode else ""


def test_the_image_is_built_as_hadolint_wants_it() -> None:
    assert not clean("hadolint", "--failure-threshold", "info", "Dockerfile")


def test_yaml_is_as_yamllint_wants_it() -> None:
    assert not clean("yamllint", "--strict", "docker-compose.yml", "deploy")


def test_the_compose_file_follows_the_compose_specification() -> None:
    assert not clean("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml", ELSEWHERE)


@pytest.mark.parametrize("path", sorted((ROOT / "deploy").rglob("*.sh")), ids=lambda path: path.name)
def test_a_script_is_for_any_posix_shell(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("#!/bin/sh\n")
    # PostgreSQL's image would read one that isn't executable into its own script, where it could change that.
    assert path.stat().st_mode & 0o111
    assert subprocess.run(["sh", "-n", str(path)], check=False).returncode == 0


@pytest.mark.parametrize("version", KUBERNETES)
def test_every_manifest_follows_kubernetes_schemas(version: str) -> None:
    import kubernetes_validate  # here: it takes seconds, which each process of any test would spend

    known = [
        (path, document)
        for path in MANIFESTS
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
        # Of others' kinds, KEDA's and the Prometheus Operator's, it has no schemas; see below.
        if document is not None
        and not document["apiVersion"].startswith(("keda.sh/", "monitoring.coreos.com/", "kustomize"))
    ]
    wrong = {}
    for path, document in known:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as exc:
            wrong[f"{path.name}: {document['kind']}"] = exc.message

    assert len(known) > 10
    assert not wrong
