"""The compose file as `docker compose` understands it, as far as our services go."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from tests.docs.house import ROOT

COMPOSE = ROOT / "docker-compose.yml"
ELSEWHERE = ROOT / "deploy" / "compose" / "temporal-elsewhere.yml"
EXAMPLE = ROOT / ".env.example"

_VARIABLE = re.compile(r"\$(?:\$|\{(\w+)(?::-([^}]*))?\})")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def settings_of(text: str) -> dict[str, str]:
    """Variables of a `.env` file."""
    return dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))


def commented_out(text: str) -> dict[str, str]:
    """Variables that a `.env` file shows, but leaves to their defaults."""
    return dict(re.findall(r"^# ([A-Z_]+)=(.*)$", text, re.MULTILINE))


def seconds(duration: str) -> float:
    """Of `1m30s`."""
    parts = re.findall(r"(\d+)(ms|s|m|h)", duration)
    assert "".join(number + unit for number, unit in parts) == duration, duration
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


@dataclass(frozen=True)
class Service:
    """One of them, with variables filled in."""

    name: str
    told: dict[str, Any]

    @property
    def is_ours(self) -> bool:
        """Whether it runs our image."""
        return str(self.told["image"]).startswith("durable-jobs:")

    @property
    def command(self) -> list[str]:
        """What it runs; empty where the image says."""
        command: list[str] = [*self.told.get("entrypoint", []), *self.told.get("command", [])]
        return command

    @property
    def environment(self) -> dict[str, str]:
        """What it is told; without what is handed on only where it is set."""
        return {name: str(value) for name, value in self.told.get("environment", {}).items() if value is not None}

    @property
    def health_command(self) -> list[str]:
        """As plain arguments. Fails for a service without a health check."""
        test: list[str] = self.told["healthcheck"]["test"]
        kind, *command = test
        assert kind == "CMD", f"{self.name}: a shell between is not needed"
        return command

    @property
    def grace(self) -> float:
        """Seconds between SIGTERM and SIGKILL."""
        return seconds(self.told.get("stop_grace_period", "10s"))

    @property
    def secrets(self) -> list[str]:
        """Names of the files it gets below /run/secrets."""
        names: list[str] = self.told.get("secrets", [])
        return names


def services(settings: Mapping[str, str] | None = None) -> dict[str, Service]:
    """All of them by name, with the settings of `.env.example` unless others are given."""
    given = settings_of(EXAMPLE.read_text(encoding="utf-8")) if settings is None else settings
    document = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return {name: Service(name, _filled(told, given)) for name, told in document["services"].items()}


def whole() -> dict[str, Any]:
    """The file, with variables filled in."""
    filled: dict[str, Any] = _filled(
        yaml.safe_load(COMPOSE.read_text(encoding="utf-8")), settings_of(EXAMPLE.read_text(encoding="utf-8"))
    )
    return filled


def _filled(value: Any, settings: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        filled = {key: _filled(each, settings) for key, each in value.items()}
        # `NAME:` without a value hands on what is set.
        if isinstance(environment := filled.get("environment"), dict):
            filled["environment"] = {
                name: settings.get(name) if told is None else told for name, told in environment.items()
            }
        return filled
    if isinstance(value, list):
        return [_filled(each, settings) for each in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: "$" if found[1] is None else settings.get(found[1]) or found[2] or "", value)
    return value
