"""What rules and dashboards ask Prometheus for, and what our processes tell it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import httpx
import promql_parser
import yaml

from tests.docs.house import ROOT

DEPLOY = ROOT / "deploy"
_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? \S+$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

_OURS = ("jobs_", "http_")

_NOT_ALWAYS = {"job", "error_type"}
"""Labels that samples may lack: Prometheus adds the one, and failures alone have the other."""

Samples = dict[str, list[dict[str, str]]]
"""Labels of each sample, by the metric's name."""


@dataclass(frozen=True)
class Asked:
    """An expression."""

    where: str
    text: str

    @property
    def parsed(self) -> promql_parser.Expr:
        """As Prometheus reads it. Raises ValueError where it would not."""
        # Grafana's own, which it fills in.
        return promql_parser.parse(self.text.replace("$__rate_interval", "1m"))

    @property
    def selectors(self) -> list[promql_parser.VectorSelector]:
        """What it selects."""
        found: list[promql_parser.VectorSelector] = []

        def visit(expr: promql_parser.Expr) -> None:
            if isinstance(expr, promql_parser.MatrixSelector):
                found.append(expr.vector_selector)
            elif isinstance(expr, promql_parser.VectorSelector):
                found.append(expr)

        promql_parser.walk(self.parsed, pre_visit=visit)
        return found

    @property
    def names(self) -> set[str]:
        """Metrics that it needs."""
        return {str(selector.name) for selector in self.selectors}

    @property
    def labels(self) -> set[str]:
        """What it groups by."""
        return {name.strip() for group in re.findall(r"\bby \(([^)]*)\)", self.text) for name in group.split(",")}


def rules() -> list[dict[str, object]]:
    """Alerts of the rules' file."""
    document = yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def asked() -> list[Asked]:
    """All expressions of rules and dashboards."""
    found = [Asked(str(rule["alert"]), str(rule["expr"])) for rule in rules()]
    for path in (DEPLOY / "grafana" / "dashboards").glob("*.json"):
        found += [
            Asked(panel["title"], target["expr"])
            for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]
            for target in panel.get("targets", [])
        ]
    return found


async def seen(processes: Sequence[str], within: float = 30) -> Samples:
    """What these processes tell, once all that is asked for is there, or time is up."""
    wanted = {name for each in asked() for name in each.names if name.startswith(_OURS)}
    samples: Samples = {}
    async with httpx.AsyncClient(trust_env=False) as http:
        try:
            async with asyncio.timeout(within):
                while not wanted <= samples.keys():
                    samples = {}
                    for process in processes:
                        for name, labels in _SAMPLE.findall((await http.get(f"{process}/metrics")).text):
                            samples.setdefault(name, []).append(dict(_LABEL.findall(labels)))
                    await asyncio.sleep(0.2)
        except TimeoutError:
            pass
    return samples


def unknown(samples: Samples) -> list[str]:
    """What is asked for, and not among what our processes tell."""
    return sorted({line for each in asked() for line in _unknown(each, samples)})


def _unknown(asked_for: Asked, samples: Samples) -> Iterator[str]:
    of_label: set[str] = set()
    for selector in asked_for.selectors:
        name = str(selector.name)
        if not name.startswith(_OURS):
            continue
        there = samples.get(name, [])
        if not there:
            yield f"{asked_for.where}: no metric {name}"
        of_label |= {label for labels in there for label in labels}
        if name.startswith("http_"):
            of_label |= {"instance", "error_type"}
        for matcher in selector.matchers.matchers:
            if name.startswith("http_") and matcher.name in _NOT_ALWAYS:
                continue
            values = {labels.get(matcher.name) for labels in there}
            if values == {None} or (matcher.op == promql_parser.MatchOp.Equal and matcher.value not in values):
                yield f"{asked_for.where}: {name} has no {matcher}"
    if any(name.startswith(_OURS) for name in asked_for.names):
        yield from (f"{asked_for.where}: no label {label}" for label in asked_for.labels - of_label)
