"""What is applied as a whole is complete, and its patches change something."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.manifests import BUILT, BY_HAND, built, kustomization


@pytest.mark.parametrize("folder", BUILT, ids=lambda folder: folder.name)
def test_all_that_is_applied_is_named_and_all_that_is_named_is_there(folder: Path) -> None:
    # Nothing that a test doesn't know how to follow.
    assert kustomization(folder).keys() <= {*("apiVersion", "kind", "namespace", "resources", "images", "patches")}
    named: list[str] = kustomization(folder)["resources"]
    others = {name for name in named if name.startswith("../")}
    files = set(named) - others

    assert files == {path.name for path in folder.glob("*.yaml")} - BY_HAND
    assert all((folder / name).resolve() in BUILT for name in others)


@pytest.mark.parametrize("folder", BUILT, ids=lambda folder: folder.name)
def test_every_patch_changes_something(folder: Path) -> None:
    for patch in kustomization(folder).get("patches", []):
        target = patch["target"]
        matched = [
            each
            for each in built(folder)
            if each["kind"] == target["kind"] and re.fullmatch(target["name"], each["metadata"]["name"])
        ]
        assert matched, target
        for operation in yaml.safe_load(patch["patch"]):
            assert operation["op"] == "remove"
            for each in matched:
                at: Any = each
                for part in operation["path"].strip("/").split("/"):
                    assert part in at, f"{each['metadata']['name']}: {operation['path']}"
                    at = at[part]
