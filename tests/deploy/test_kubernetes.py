"""What the manifests for Kubernetes promise, beyond their schemas."""

from __future__ import annotations

from datetime import timedelta

from adapters.job_settings import WorkerSettings
from adapters.settings import ApiSettings
from adapters.stopping import MARGIN
from tests.deploy import image
from tests.deploy.compose_file import services
from tests.deploy.manifests import (
    DEPLOYMENTS,
    OF_JOBS,
    PODS,
    SERVING,
    WORKERS,
    container,
    environment,
    of_kind,
    queues,
    selected,
)
from workflows.registry import registry


def test_every_queue_has_workers_and_they_are_grouped_as_in_the_compose_file() -> None:
    compose = {name: each.command[-1].split(",") for name, each in services().items() if "worker" in each.command}

    assert {name: queues(each) for name, each in WORKERS.items()} == compose
    assert sorted(queue for each in WORKERS.values() for queue in queues(each)) == registry.queues()


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
        told = [int(port) for port in served] or [WorkerSettings().http_port]
        assert [ports[live["httpGet"]["port"]]] == told, name
        assert sorted(ports.values()) == sorted(told + [ApiSettings().metrics_port] * (name == "api")), name


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
            # Nothing leads to that of the metrics from outside.
            port["containerPort"]
            for port in container(deployment["spec"]["template"])["ports"]
            if port["name"] == "http"
        }, name
    rules = of_kind("NetworkPolicy")["codec"]["spec"]["egress"]
    assert {port["port"] for rule in rules for port in rule["ports"]} == {5432, 53}


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
