"""`make sbom` lists what the project runs on, in the versions that are pinned."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.long


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_sbom_has_every_dependency_of_the_project_in_its_version(tmp_path: Path) -> None:
    made = re.search(
        r"^\t\$\(BIN\)/(cyclonedx-py .*) -o build/sbom.json$", (ROOT / "Makefile").read_text(), re.MULTILINE
    )
    assert made is not None
    command = made[1].replace("$(BIN)/python", sys.executable).split()
    listed = tmp_path / "sbom.json"
    # What takes time is to hold it against CycloneDX's schema.
    subprocess.run(
        [str(Path(sys.executable).with_name(command[0])), *command[1:], "--no-validate", "-o", str(listed)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )

    document = json.loads(listed.read_text())
    versions = {canonical(component["name"]): component["version"] for component in document["components"]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = {canonical(name): version for name, _, version in (line.partition("==") for line in lines) if version}
    pinned = {name: pins[name] for line in project["dependencies"] for name in re.findall(r"^[\w-]+", line)}
    assert {name: versions.get(name) for name in pinned} == pinned
    root = next(
        entry for entry in document["dependencies"] if entry["ref"] == document["metadata"]["component"]["bom-ref"]
    )
    assert len(root["dependsOn"]) >= len(pinned)
    assert document["metadata"]["component"]["name"] == project["name"]
