"""Metrics of one process, kept and exported by the SDK's core: its own, the jobs', and gauges that are set here."""

from __future__ import annotations

import logging
import math
import socket
from collections.abc import Mapping
from typing import Any

import httpx
from temporalio.common import MetricGaugeFloat
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


class Gauge:
    """A value per set of labels, kept by the SDK. An unknown value becomes NaN, on which no rule fires."""

    def __init__(self, gauge: MetricGaugeFloat) -> None:
        self._gauge = gauge

    def set(self, value: float, labels: Mapping[str, str] | None = None) -> None:
        """Set the value for these labels: 0 for one below, such as an age by clocks that differ."""
        self._gauge.set(max(value, 0.0), labels)

    def remove(self, labels: Mapping[str, str] | None = None) -> None:
        """Forget the value for these labels."""
        self._gauge.set(math.nan, labels)


class Metrics:
    """Makes the SDK's runtime, which keeps its own metrics and ours."""

    def __init__(self) -> None:
        """Start the runtime with its exporter on a loopback port of its own. Raises OSError if none can be had."""
        # The exporter would bind port 0, but cannot tell which one it got.
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        self.runtime, self._address = exporting("127.0.0.1", port, log=_forwarded())
        # Straight to our own loopback address, whatever proxy the environment names.
        self._exporter = httpx.AsyncClient(trust_env=False, timeout=5)

    def gauge(self, name: str, description: str) -> Gauge:
        """Make a gauge that is part of `text`."""
        return Gauge(self.runtime.metric_meter.create_gauge_float(name, description))

    async def text(self) -> str:
        """All metrics in Prometheus' text format. Raises httpx.HTTPError if the SDK's exporter does not answer."""
        return (await self._exporter.get(self._address)).raise_for_status().text

    async def close(self) -> None:
        """Close the connection to the exporter."""
        await self._exporter.aclose()


class NoPortFree(OSError):
    """Other programs listen on all ports that metrics could be read at."""


_PROCESSES = 16
"""Ports that are tried: so many processes can be started with the same settings."""


def exporting(host: str, port: int, *, log: LoggingConfig = LoggingConfig.default) -> tuple[Runtime, str]:
    """Make a runtime whose metrics are read at `host`, an IP address, and the first free port from `port` on.

    Its address comes with it. The SDK's own threads answer, whatever the event loop is at, and they answer nothing but
    `/metrics`. Processes that are started alike, as by `uvicorn --workers`, have the ports after each other. Raises
    NoPortFree, or another OSError where this machine has no such address; both say what to do.

    `log`: by default the core's log stays its own. At the interpreter's end it would find nothing to forward it to.
    """
    shown = f"[{host}]" if ":" in host else host
    ports = range(port, min(port + _PROCESSES, 65536))
    for each in ports:
        try:
            made = Runtime(telemetry=_telemetry(f"{shown}:{each}", logging=log))
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
