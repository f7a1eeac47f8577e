"""What Prometheus would get."""

from __future__ import annotations

import re

import httpx

_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')

Samples = dict[str, dict[frozenset[tuple[str, str]], float]]


async def text_of(address: str) -> str:
    async with httpx.AsyncClient(trust_env=False) as http:
        return (await http.get(address)).raise_for_status().text


async def scraped(address: str) -> Samples:
    """Values by labels, by the metric's name."""
    found: Samples = {}
    for name, labels, value in _SAMPLE.findall(await text_of(address)):
        found.setdefault(name, {})[frozenset(_LABEL.findall(labels))] = float(value)
    return found


async def requests(address: str) -> dict[tuple[str, str, str, str], float]:
    """How many there were, by method, route, status and error."""
    names = ("http_request_method", "http_route", "http_response_status_code", "error_type")
    counts = (await scraped(address)).get("http_server_request_duration_seconds_count", {})
    return {
        (found.get(names[0], ""), found.get(names[1], ""), found.get(names[2], ""), found.get(names[3], "")): value
        for found, value in ((dict(labels), value) for labels, value in counts.items())
    }
