"""Rules and dashboards ask for what there is; that our processes do tell it is shown in test_compose_runs.py."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from adapters.job_settings import CodecSettings
from adapters.settings import ApiSettings
from tests.deploy import image, monitoring
from tests.deploy.compose_file import services
from tests.docs.house import ROOT

ASKED = monitoring.asked()
DOCUMENTED = set(
    re.findall(
        r"^\| `((?:jobs|http)_\w+)` \|", (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"), re.MULTILINE
    )
)


@pytest.mark.parametrize("each", ASKED, ids=lambda each: each.where)
def test_prometheus_understands_an_expression_and_knows_its_metrics(each: monitoring.Asked) -> None:
    names = {re.sub(r"_(bucket|count)$", "", name) for name in each.names}

    assert names
    assert names <= DOCUMENTED | {"up"}


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    rules = monitoring.rules()

    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        labels, annotations = rule["labels"], rule["annotations"]
        assert isinstance(labels, dict)
        assert isinstance(annotations, dict)
        assert labels["severity"] in ("page", "ticket")
        assert annotations.keys() == {"summary", "do"}
        used = set(re.findall(r"\$labels\.(\w+)", annotations["summary"]))
        expr = monitoring.Asked("", str(rule["expr"]))
        # What an expression groups by is all that is left of its labels.
        assert used <= expr.labels | ({"instance"} if expr.names == {"up"} else set()), rule["alert"]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (apt-get install prometheus)")
def test_alerts_on_the_http_interface_fire_where_they_should_and_only_there() -> None:
    for command in (
        ("check", "rules", monitoring.DEPLOY / "prometheus" / "rules.yml"),
        ("test", "rules", Path(__file__).parent / "rules_test.yml"),
    ):
        done = subprocess.run(["promtool", *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_asks_every_kind_of_worker() -> None:
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    workers = [name for name, each in services().items() if each.is_ours and "worker" in each.command]
    (job,) = (each for each in config["scrape_configs"] if each["job_name"] == "workers")

    (found,) = job["dns_sd_configs"]
    assert sorted(found["names"]) == sorted(workers)
    assert found["port"] == 9090
    assert any("rules.yml" in file for file in config["rule_files"])


@pytest.mark.parametrize(("name", "settings"), [("api", ApiSettings()), ("codec", CodecSettings())])
def test_prometheus_asks_servers_where_they_tell_and_no_other_machine_can(
    name: str, settings: ApiSettings | CodecSettings
) -> None:
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    (job,) = (each for each in config["scrape_configs"] if each["job_name"] == name)

    (found,) = job["dns_sd_configs"]
    assert (found["names"], found["port"]) == ([name], settings.metrics_port)
    assert image.environment()[f"{name.upper()}_METRICS_HOST"] == "0.0.0.0"  # noqa: S104  # other containers reach it
    assert not any(str(found["port"]) in port for port in services()[name].told["ports"])
