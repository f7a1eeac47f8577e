"""What is applied as a whole is complete, and its patches change something."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.manifests import BUILT, BY_HAND, FOLDER, PODS, built, container, kustomization


@pytest.mark.parametrize("folder", BUILT, ids=lambda folder: folder.name)
def test_all_that_is_applied_is_named_and_all_that_is_named_is_there(folder: Path) -> None:
    # Nothing that a test doesn't know how to follow.
    assert kustomization(folder).keys() <= {*("apiVersion", "kind", "namespace", "resources", "images", "patches")}
    named: list[str] = kustomization(folder)["resources"]
    others = {name for name in named if name.startswith("../")}
    files = set(named) - others

    assert files == {path.name for path in folder.glob("*.yaml")} - BY_HAND
    assert all((folder / name).resolve() in BUILT for name in others)


def test_every_folder_of_manifests_is_one_that_is_applied() -> None:
    assert {path.parent for path in FOLDER.rglob("*.yaml")} == set(BUILT)


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


@pytest.mark.parametrize("folder", BUILT, ids=lambda folder: folder.name)
def test_what_is_built_has_no_two_of_a_name_and_every_image_is_of_the_release(folder: Path) -> None:
    everything = built(folder)
    assert len({(each["kind"], each["metadata"]["name"]) for each in everything}) == len(everything)

    images = {name["name"]: name for name in kustomization(folder).get("images", [])}
    mine = {
        container(each["spec"]["template"])["image"]
        for name in kustomization(folder)["resources"]
        if not name.startswith("../")
        for each in yaml.safe_load_all((folder / name).read_text(encoding="utf-8"))
        if each["kind"] == "Deployment"
    }
    assert mine == images.keys()
    assert all(each == kustomization(FOLDER / "base")["images"][0] for each in images.values())


def test_the_set_up_is_of_the_release_that_follows_it() -> None:
    kustomization = yaml.safe_load((FOLDER / "base" / "kustomization.yaml").read_text(encoding="utf-8"))
    (named,) = kustomization["images"]

    assert container(PODS["setup-"])["image"] == f"{named['newName']}:{named['newTag']}"
    assert {container(pod)["image"] for name, pod in PODS.items() if name != "setup-"} == {named["name"]}
    assert named["newTag"] not in ("", "latest")
