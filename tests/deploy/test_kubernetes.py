"""What the manifests for Kubernetes promise, beyond their schemas."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from typing import Any

import yaml

from adapters.secret_files import NAMES
from adapters.settings import Settings
from adapters.stopping import MARGIN
from adapters.worker_settings import WorkerSettings
from tests.deploy import image
from tests.deploy.compose_file import services
from tests.docs.house import ROOT
from workflows.registry import registry

FOLDER = ROOT / "deploy" / "kubernetes"
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
PODS = {name: each["spec"]["template"] for kind in ("Deployment", "Job") for name, each in of_kind(kind).items()}


def container(pod: Document) -> Document:
    (only,) = pod["spec"]["containers"]
    assert isinstance(only, dict)
    return only


def environment(pod: Document) -> dict[str, str]:
    settings = of_kind("ConfigMap")["jobs-settings"]["data"]
    return {**settings, **{each["name"]: each["value"] for each in container(pod).get("env", [])}}


def queues(deployment: Document) -> list[str]:
    served: str = container(deployment["spec"]["template"])["args"][-1]
    return served.split(",")


def selected(selector: Document, labels: dict[str, str]) -> bool:
    return bool(selector["matchLabels"].items() <= labels.items())


def test_all_that_is_applied_is_named_and_all_that_is_named_is_there() -> None:
    for folder in ("base", "keda", "monitoring"):
        kustomization = yaml.safe_load((FOLDER / folder / "kustomization.yaml").read_text(encoding="utf-8"))
        by_hand = {"kustomization.yaml", "secret.example.yaml", "setup.yaml"}
        named = {name for name in kustomization["resources"] if name != "../base"}

        assert named == {path.name for path in (FOLDER / folder).glob("*.yaml")} - by_hand


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

    api = DEPLOYMENTS["api"]["spec"]["template"]
    pause = container(api)["lifecycle"]["preStop"]["sleep"]["seconds"]
    limit = next(int(word.partition("=")[2]) for word in container(api)["args"] if "graceful" in word)
    assert api["spec"]["terminationGracePeriodSeconds"] >= pause + limit + MARGIN.total_seconds()


def test_probes_ask_what_the_process_serves() -> None:
    for name, pod in {name: each["spec"]["template"] for name, each in DEPLOYMENTS.items()}.items():
        ports = {each["name"]: each["containerPort"] for each in container(pod)["ports"]}
        live, ready = container(pod)["livenessProbe"], container(pod)["readinessProbe"]
        # The other way round, a database that is away would have all pods killed.
        assert (live["httpGet"]["path"], ready["httpGet"]["path"]) == ("/healthz", "/readyz"), name
        assert ports[live["httpGet"]["port"]] == ports[ready["httpGet"]["port"]]
        assert list(ports.values()) == [8080 if name == "api" else WorkerSettings().http_port]


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
    for name, pod in PODS.items():
        told = environment(pod)
        files = {variable: value for variable, value in told.items() if variable.removesuffix("_FILE") in NAMES}
        assert files.keys().isdisjoint(NAMES), name
        mounts = {each["name"]: each["mountPath"] for each in container(pod)["volumeMounts"]}
        assert {value.removeprefix(mounts["secrets"] + "/") for value in files.values()} == secret.keys(), name
        assert mounts["tmp"] == "/tmp"
        assert {each["name"] for each in pod["spec"]["volumes"]} == mounts.keys(), name


def test_settings_are_ones_that_there_are() -> None:
    groups = Settings().groups
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
    api = DEPLOYMENTS["api"]["spec"]["template"]["metadata"]["labels"]
    service = of_kind("Service")["api"]["spec"]
    assert service["selector"].items() <= api.items()
    assert [port["targetPort"] for port in service["ports"]] == ["http"]
    policy = of_kind("NetworkPolicy")["jobs"]["spec"]["podSelector"]
    assert all(selected(policy, pod["metadata"]["labels"]) for pod in PODS.values())


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
    assert {port["port"] for rule in of_kind("NetworkPolicy")["api"]["spec"]["ingress"] for port in rule["ports"]} == {
        port["containerPort"] for port in container(DEPLOYMENTS["api"]["spec"]["template"])["ports"]
    }


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
