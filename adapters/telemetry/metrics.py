"""Metrics of one process in Prometheus' text format: the SDK's, the jobs' own, and gauges that are set here."""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping
from typing import Any

import httpx
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from adapters.telemetry.logs import CORE_LOGGER

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_PROCESSING_TIME = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0),
    *(60.0, 120.0, 300.0, 900.0, 1800.0),
    *(3600.0, 4 * 3600.0, 24 * 3600.0),
)
"""Seconds. A job that succeeds at once takes milliseconds, one that is retried to the end minutes to hours."""

_REQUEST_DURATION = (
    *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0),
    *(20.0, 60.0),
)
"""Seconds: those of OpenTelemetry's conventions, and two more, for requests that are given up and for downloads."""

_ATTEMPTS_TO_BIND = 5


class Gauge:
    """A value per set of labels. A value that is not known any more is removed, instead of staying as it was."""

    def __init__(self, name: str, description: str) -> None:
        self._head = f"# HELP {name} {description}\n# TYPE {name} gauge\n"
        self._name = name
        self._values: dict[str, float] = {}

    def set(self, value: float, labels: Mapping[str, str] | None = None) -> None:
        """Set the value for these labels."""
        self._values[_key(labels)] = value

    def remove(self, labels: Mapping[str, str] | None = None) -> None:
        """Forget the value for these labels."""
        self._values.pop(_key(labels), None)

    def text(self) -> str:
        """In Prometheus' text format; empty where no value is known."""
        if not self._values:
            return ""
        return self._head + "".join(f"{self._name}{key} {value:g}\n" for key, value in self._values.items())


class Metrics:
    """Makes the SDK's runtime, and puts its metrics and ours together."""

    def __init__(self) -> None:
        """Start the runtime with its exporter on a loopback port of its own. Raises OSError where none can be had."""
        self.runtime, port = _start_runtime()
        # Straight to our own loopback address, whatever proxy the environment names.
        self._exporter = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=5)
        self._gauges: list[Gauge] = []

    def gauge(self, name: str, description: str) -> Gauge:
        """Make a gauge that is part of `text`."""
        made = Gauge(name, description)
        self._gauges.append(made)
        return made

    async def text(self) -> str:
        """All metrics. Ours alone where the SDK's exporter does not answer."""
        ours = "".join(gauge.text() for gauge in self._gauges)
        try:
            return (await self._exporter.get("/metrics")).raise_for_status().text + ours
        except httpx.HTTPError as exc:
            logging.getLogger(__name__).warning("The SDK's metrics cannot be read", extra={"error": type(exc).__name__})
            return ours

    async def close(self) -> None:
        """Close the connection to the exporter."""
        await self._exporter.aclose()


def _start_runtime() -> tuple[Runtime, int]:
    for attempt in range(1, _ATTEMPTS_TO_BIND + 1):
        # The exporter would bind port 0, but cannot tell which one it got.
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        try:
            return Runtime(telemetry=_telemetry(f"127.0.0.1:{port}", logging=_forwarded())), port
        except ValueError as exc:
            # Another program took the port in between.
            if attempt == _ATTEMPTS_TO_BIND or "in use" not in str(exc):
                raise OSError(f"the SDK's metrics exporter does not start: {exc}") from exc
    raise AssertionError("the last attempt returns or raises")


class NoPortFree(OSError):
    """Other programs listen on all ports that metrics could be read at."""


_PROCESSES = 16
"""Ports that are tried: so many processes can be started with the same settings."""


def exporting(host: str, port: int) -> tuple[Runtime, str]:
    """Make a runtime whose metrics are read at `host`, an IP address, and the first free port from `port` on.

    Its address comes with it. The SDK's own threads answer, whatever the event loop is at, and they answer nothing but
    `/metrics`. Processes that are started alike, as by `uvicorn --workers`, have the ports after each other. Raises
    NoPortFree, or another OSError where this machine has no such address; both say what to do.
    """
    shown = f"[{host}]" if ":" in host else host
    ports = range(port, min(port + _PROCESSES, 65536))
    for each in ports:
        try:
            # The core's log stays its own: at the interpreter's end it would find nobody to forward it to.
            made = Runtime(telemetry=_telemetry(f"{shown}:{each}", logging=LoggingConfig.default))
        except ValueError as exc:
            if "in use" not in str(exc):
                raise OSError(f"metrics cannot be served at {host}: {exc}") from exc
        else:
            return made, f"http://{shown}:{each}/metrics"
    raise NoPortFree(f"the ports {ports[0]} to {ports[-1]} of {host}, for metrics, are taken by other programs")


def _telemetry(address: str, *, logging: LoggingConfig) -> TelemetryConfig:
    options: dict[str, Any] = {
        "bind_address": address,
        # As Prometheus' conventions want it: `jobs_completed_total`, `jobs_processing_time_seconds`.
        "counters_total_suffix": True,
        "unit_suffix": True,
        "durations_as_seconds": True,
        "histogram_bucket_overrides": {
            "jobs_processing_time": _PROCESSING_TIME,
            "http_server_request_duration": _REQUEST_DURATION,
        },
    }
    return TelemetryConfig(
        metrics=PrometheusConfig(**options),
        attach_service_name=False,  # the same text on every line
        logging=logging,
    )


def _forwarded() -> LoggingConfig:
    return LoggingConfig(
        filter=TelemetryFilter(core_level="WARN", other_level="ERROR"),
        forwarding=LogForwardingConfig(
            logger=logging.getLogger(CORE_LOGGER),
            # They come as keys of the line.
            append_target_to_name=False,
            prepend_target_on_message=False,
            append_log_fields_to_message=False,
        ),
    )


def _key(labels: Mapping[str, str] | None) -> str:
    pairs = ",".join(f'{name}="{value}"' for name, value in (labels or {}).items())
    return f"{{{pairs}}}" if pairs else ""
