"""The manifests for Kubernetes, as they are written."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.docs.house import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
BUILT = sorted(path.parent for path in FOLDER.rglob("kustomization.yaml"))
"""Folders that are applied whole."""
BY_HAND = {"kustomization.yaml", "secret.example.yaml", "setup.yaml"}
Document = dict[str, Any]


def documents() -> Iterator[Document]:
    for path in sorted(FOLDER.rglob("*.yaml")):
        yield from filter(None, yaml.safe_load_all(path.read_text(encoding="utf-8")))


@cache
def of_kind(kind: str) -> dict[str, Document]:
    return {
        # What is made anew each time has but the beginning of a name.
        each["metadata"].get("name", each["metadata"].get("generateName")): each
        for each in documents()
        if each["kind"] == kind
    }


DEPLOYMENTS = of_kind("Deployment")
WORKERS = {name: each for name, each in DEPLOYMENTS.items() if name.startswith("worker")}
SERVING = {name: each for name, each in DEPLOYMENTS.items() if name not in WORKERS}
PODS = {name: each["spec"]["template"] for kind in ("Deployment", "Job") for name, each in of_kind(kind).items()}
OF_JOBS = {name: pod for name, pod in PODS.items() if name != "codec"}
"""What starts, does or looks at jobs."""


def container(pod: Document) -> Document:
    (only,) = pod["spec"]["containers"]
    assert isinstance(only, dict)
    return only


def environment(pod: Document) -> dict[str, str]:
    """With what is optional."""
    maps = {name: each["data"] for name, each in of_kind("ConfigMap").items()}
    told: dict[str, str] = {}
    for each in container(pod)["envFrom"]:
        told |= maps[each["configMapRef"]["name"]]
    for each in container(pod).get("env", []):
        source = each.get("valueFrom", {}).get("configMapKeyRef")
        told[each["name"]] = maps[source["name"]][source["key"]] if source else each["value"]
    return told


def built(folder: Path) -> list[Document]:
    """All that a kustomization brings together, before its patches."""
    found: list[Document] = []
    for name in kustomization(folder)["resources"]:
        path = (folder / name).resolve()
        found += built(path) if path.is_dir() else filter(None, yaml.safe_load_all(path.read_text(encoding="utf-8")))
    return found


def kustomization(folder: Path) -> Document:
    told: Document = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    return told


def queues(deployment: Document) -> list[str]:
    served: str = container(deployment["spec"]["template"])["args"][-1]
    return served.split(",")


def selected(selector: Document, labels: dict[str, str]) -> bool:
    return bool(selector["matchLabels"].items() <= labels.items())
