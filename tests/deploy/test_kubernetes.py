"""What the manifests for Kubernetes promise, beyond their schemas."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.codec_settings import CodecSettings
from adapters.secret_files import NAMES
from adapters.settings import Settings
from adapters.stopping import MARGIN
from adapters.worker_settings import WorkerSettings
from tests.deploy import image
from tests.deploy.compose_file import services
from tests.docs.house import ROOT
from workflows.registry import registry

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


def test_everything_is_in_one_namespace() -> None:
    found = {
        each["metadata"].get("namespace") for each in documents() if each["kind"] not in ("Namespace", "Kustomization")
    }

    assert found == {"durable-jobs"}


def test_every_queue_has_workers_and_they_are_grouped_as_in_the_compose_file() -> None:
    compose = {name: each.command[-1].split(",") for name, each in services().items() if "worker" in each.command}

    assert {name: queues(each) for name, each in WORKERS.items()} == compose
    assert sorted(queue for each in WORKERS.values() for queue in queues(each)) == registry.queues()


def test_commands_and_drains_are_those_of_the_compose_file() -> None:
    for name, deployment in DEPLOYMENTS.items():
        service, pod = services()[name], deployment["spec"]["template"]
        assert container(pod)["args"] == service.command
        assert environment(pod).get("WORKER_DRAIN") == service.environment.get("WORKER_DRAIN")
    assert container(PODS["setup-"])["args"] == services()["setup"].command


def test_a_pod_is_killed_no_sooner_than_its_drain_can_take() -> None:
    for name, deployment in WORKERS.items():
        pod = deployment["spec"]["template"]
        drain = timedelta(seconds=float(environment(pod).get("WORKER_DRAIN", WorkerSettings().drain.total_seconds())))
        assert pod["spec"]["terminationGracePeriodSeconds"] >= (drain + 2 * MARGIN).total_seconds(), name

    assert SERVING.keys() == {"api", "codec"}
    for name, deployment in SERVING.items():
        pod = deployment["spec"]["template"]
        pause = container(pod)["lifecycle"]["preStop"]["sleep"]["seconds"]
        limit = next(int(word.partition("=")[2]) for word in container(pod)["args"] if "graceful" in word)
        assert pod["spec"]["terminationGracePeriodSeconds"] >= pause + limit + MARGIN.total_seconds(), name


def test_probes_ask_what_the_process_serves() -> None:
    for name, pod in {name: each["spec"]["template"] for name, each in DEPLOYMENTS.items()}.items():
        ports = {each["name"]: each["containerPort"] for each in container(pod)["ports"]}
        live, ready = container(pod)["livenessProbe"], container(pod)["readinessProbe"]
        # The other way round, a database that is away would have all pods killed.
        assert (live["httpGet"]["path"], ready["httpGet"]["path"]) == ("/healthz", "/readyz"), name
        assert ports[live["httpGet"]["port"]] == ports[ready["httpGet"]["port"]]
        served = [word.partition("=")[2] for word in container(pod)["args"] if word.startswith("--port=")]
        assert list(ports.values()) == ([int(port) for port in served] or [WorkerSettings().http_port])


def test_no_pod_can_do_more_than_it_needs() -> None:
    user, group = image.stages()[-1][[each.name for each in image.stages()[-1]].index("USER")].text.split(":")
    for name, pod in PODS.items():
        own = pod["spec"]["securityContext"]
        assert own["runAsNonRoot"], name
        assert (own["runAsUser"], own["runAsGroup"], own["fsGroup"]) == (int(user), int(group), int(group)), name
        assert own["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["spec"]["automountServiceAccountToken"] is False, name
        assert container(pod)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert {"cpu", "memory"} <= container(pod)["resources"]["requests"].keys(), name
        assert "memory" in container(pod)["resources"]["limits"], name


def test_secrets_come_as_files_which_the_secret_has() -> None:
    secret = of_kind("Secret")["jobs-secrets"]["stringData"]
    for name, pod in OF_JOBS.items():
        told = environment(pod)
        files = {variable: value for variable, value in told.items() if variable.removesuffix("_FILE") in NAMES}
        assert files.keys().isdisjoint(NAMES), name
        mounts = {each["name"]: each["mountPath"] for each in container(pod)["volumeMounts"]}
        assert {value.removeprefix(mounts["secrets"] + "/") for value in files.values()} == secret.keys(), name
        assert mounts["tmp"] == "/tmp"
        assert {each["name"] for each in pod["spec"]["volumes"]} == mounts.keys(), name


def test_what_is_optional_need_not_be_there_and_is_where_settings_look_for_it() -> None:
    keys, temporal = of_kind("Secret")["jobs-encryption-keys"], of_kind("Secret")["jobs-temporal"]
    file = of_kind("ConfigMap")["jobs-encryption"]["data"]["JOBS_ENCRYPTION_KEYS_FILE"]
    for name, pod in OF_JOBS.items():
        volumes = {each["name"]: each.get("secret", {}) for each in pod["spec"]["volumes"]}
        mounts = {each["name"]: each["mountPath"] for each in container(pod)["volumeMounts"]}
        required = [
            each["configMapRef"]["name"] for each in container(pod)["envFrom"] if "optional" not in each["configMapRef"]
        ]
        assert required == ["jobs-settings"], name
        assert {"name": "jobs-encryption", "optional": True} in [
            each["configMapRef"] for each in container(pod)["envFrom"]
        ], name
        for volume, secret in (("encryption", keys), ("temporal", temporal)):
            assert volumes[volume]["secretName"] == secret["metadata"]["name"], name
            assert volumes[volume]["optional"] is True, name
        assert file.removeprefix(mounts["encryption"] + "/") in keys["stringData"], name
        shown = commented_out_settings()
        assert shown["TEMPORAL_TLS"] == '"true"'
        paths = {path.removeprefix(mounts["temporal"] + "/") for path in shown.values() if path.startswith("/")}
        assert paths == temporal["stringData"].keys(), name


def test_settings_that_are_left_out_are_those_of_temporals_connection() -> None:
    compose = {
        name for name in services()["api"].told["environment"] if name.startswith(("TEMPORAL_TLS", "TEMPORAL_API"))
    }

    assert commented_out_settings().keys() == compose


def commented_out_settings() -> dict[str, str]:
    text = (FOLDER / "base" / "settings.yaml").read_text(encoding="utf-8")
    return dict(re.findall(r"^  # ([A-Z_]+): (.*)$", text, re.MULTILINE))


def test_the_codec_server_gets_the_keys_the_database_and_no_other_secret() -> None:
    pod = PODS["codec"]
    volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
    mounts = {each["name"]: each["mountPath"] for each in container(pod)["volumeMounts"]}
    told = environment(pod)

    assert volumes.keys() == mounts.keys() == {"secrets", "encryption", "tmp"}
    items = {each["key"]: each["path"] for each in volumes["secrets"]["secret"]["items"]}
    assert items == {"database_url": "database_url", "database_ca": "database_ca"}
    assert told["DATABASE_URL_FILE"] == f"{mounts['secrets']}/database_url"
    assert "sslrootcert=" + f"{mounts['secrets']}/database_ca" in (FOLDER / "base" / "secret.example.yaml").read_text()
    assert volumes["encryption"]["secret"].get("optional", False) is False
    assert told["JOBS_ENCRYPTION_KEYS_FILE"] == f"{mounts['encryption']}/keys"
    assert {name for name in told if name.startswith("JOBS_") or name.removesuffix("_FILE") in NAMES} == {
        *("DATABASE_URL_FILE", "JOBS_ENCRYPTION_KEYS_FILE", "JOBS_ENCRYPTION_DECRYPT_ONLY", "JOBS_WEB_UI")
    }


def test_settings_are_ones_that_there_are() -> None:
    groups = (*Settings().groups, CodecSettings())
    known = {
        f"{type(group).model_config.get('env_prefix', '')}{name}".upper()
        for group in groups
        for name in type(group).model_fields
    } | {
        "TEMPORAL_ADDRESS",
        "TEMPORAL_NAMESPACE",
        "JOBS_WEB_UI",
        "PAYMENT_CALLBACK_SCHEME",
        "PAYMENT_CALLBACK_SECRETS",
        "FORWARDED_ALLOW_IPS",
        "JOBS_ENCRYPTION_KEYS",
        "JOBS_ENCRYPTION_DECRYPT_ONLY",
    }

    told = {name for pod in PODS.values() for name in environment(pod)}
    assert {name.removesuffix("_FILE") for name in told} <= known


def test_selectors_find_the_pods_that_they_are_for() -> None:
    for name, deployment in DEPLOYMENTS.items():
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert selected(deployment["spec"]["selector"], labels)
        (spread,) = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert selected(spread["labelSelector"], labels)
        others = [each["spec"]["template"]["metadata"]["labels"] for key, each in DEPLOYMENTS.items() if key != name]
        budget = of_kind("PodDisruptionBudget")[name]["spec"]["selector"]
        assert selected(budget, labels)
        assert not any(selected(budget, other) for other in others)
    for name, deployment in SERVING.items():
        service = of_kind("Service")[name]["spec"]
        assert service["selector"].items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
        assert [port["targetPort"] for port in service["ports"]] == ["http"]
    policies = {name: each["spec"]["podSelector"] for name, each in of_kind("NetworkPolicy").items()}
    assert all(selected(policies["jobs"], pod["metadata"]["labels"]) for pod in OF_JOBS.values())
    # Policies add up: what the others may do, it would be let do as well.
    codec = PODS["codec"]["metadata"]["labels"]
    assert [name for name, selector in policies.items() if selected(selector, codec)] == ["codec"]
    assert of_kind("NetworkPolicy")["codec"]["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_the_network_lets_through_what_settings_lead_to() -> None:
    settings = of_kind("ConfigMap")["jobs-settings"]["data"]
    rules = of_kind("NetworkPolicy")["jobs"]["spec"]["egress"]
    out = {port["port"] for rule in rules for port in rule["ports"]}
    database = of_kind("Secret")["jobs-secrets"]["stringData"]["database_url"]

    wanted = {
        int(settings["TEMPORAL_ADDRESS"].rpartition(":")[2]),
        int(settings["SMTP_PORT"]),
        int(database.partition("@")[2].partition("/")[0].rpartition(":")[2]),
        443,
        53,
    }
    assert out == wanted
    for name, deployment in SERVING.items():
        rules = of_kind("NetworkPolicy")[name]["spec"]["ingress"]
        assert {port["port"] for rule in rules for port in rule["ports"]} == {
            port["containerPort"] for port in container(deployment["spec"]["template"])["ports"]
        }, name
    rules = of_kind("NetworkPolicy")["codec"]["spec"]["egress"]
    assert {port["port"] for rule in rules for port in rule["ports"]} == {5432, 53}


def test_the_set_up_is_of_the_release_that_follows_it() -> None:
    kustomization = yaml.safe_load((FOLDER / "base" / "kustomization.yaml").read_text(encoding="utf-8"))
    (named,) = kustomization["images"]

    assert container(PODS["setup-"])["image"] == f"{named['newName']}:{named['newTag']}"
    assert {container(pod)["image"] for name, pod in PODS.items() if name != "setup-"} == {named["name"]}
    assert named["newTag"] not in ("", "latest")


def test_workers_are_scaled_by_the_backlog_of_their_queues_and_never_to_none() -> None:
    scaled = of_kind("ScaledObject")
    settings = of_kind("ConfigMap")["jobs-settings"]["data"]

    assert scaled.keys() == WORKERS.keys()
    for name, each in scaled.items():
        spec = each["spec"]
        assert spec["scaleTargetRef"] == {"name": name}
        assert 1 <= spec["minReplicaCount"] < spec["maxReplicaCount"]
        assert [trigger["metadata"]["taskQueue"] for trigger in spec["triggers"]] == queues(WORKERS[name])
        for trigger in spec["triggers"]:
            told = trigger["metadata"]
            assert trigger["type"] == "temporal"
            assert told["endpoint"] == settings["TEMPORAL_ADDRESS"]
            assert told["namespace"] == settings["TEMPORAL_NAMESPACE"]
            assert set(told["queueTypes"].split(",")) == {"workflow", "activity"}
            assert int(told["targetQueueSize"]) > 0


def test_prometheus_finds_the_workers() -> None:
    monitor = of_kind("PodMonitor")["workers"]["spec"]
    (expression,) = monitor["selector"]["matchExpressions"]

    assert sorted(expression["values"]) == sorted(WORKERS)
    assert [each["port"] for each in monitor["podMetricsEndpoints"]] == ["metrics"]
