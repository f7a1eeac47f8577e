"""Counts the requests that a server of ours answers, by names of OpenTelemetry's conventions."""

from __future__ import annotations

from typing import Literal

from temporalio.common import MetricHistogramFloat, MetricMeter

CallbackOutcome = Literal["accepted", "repeated", "different", "refused", "unreadable"]

_OUTCOMES: tuple[CallbackOutcome, ...] = ("accepted", "repeated", "different", "refused", "unreadable")

_FAILED = 500
"""And above: what failed on our side."""


class HttpRequests:
    """`http_server_request_duration_seconds`, whose count is the requests', and `http_server_active_requests`."""

    def __init__(self, meter: MetricMeter) -> None:
        self._duration = meter.create_histogram_float(
            "http_server_request_duration", "From a request's headers to the end of its answer", "seconds"
        )
        self._active = meter.create_gauge("http_server_active_requests", "Requests that are being answered")
        self._by_labels: dict[tuple[str, str, int, bool], MetricHistogramFloat] = {}
        self._now = 0
        self._active.set(0)

    def begin(self) -> None:
        """One more is being answered."""
        self._now += 1
        self._active.set(self._now)

    def end(self, method: str, route: str, status: int, seconds: float, *, broken_off: bool) -> None:
        """One was answered. `route` is a template; `status` is 0 where no answer began."""
        self._now -= 1
        self._active.set(self._now)
        key = (method, route, status, broken_off)
        # Looked up, since making the labels anew takes longer than all the rest.
        duration = self._by_labels.get(key)
        if duration is None:
            duration = self._by_labels[key] = self._labelled(*key)
        duration.record(seconds)

    def _labelled(self, method: str, route: str, status: int, broken_off: bool) -> MetricHistogramFloat:
        labels: dict[str, str | int] = {"http_request_method": method, "http_route": route}
        if status:
            labels["http_response_status_code"] = status
        if broken_off or status >= _FAILED:
            labels["error_type"] = "broken_off" if broken_off else str(status)
        return self._duration.with_additional_attributes(labels)


class CallbackCounts:
    """`jobs_payment_callbacks_total`, by outcome."""

    def __init__(self, meter: MetricMeter) -> None:
        """`meter` keeps them, with 0 from now on, so that the first one shows as an increase."""
        self._counter = meter.create_counter("jobs_payment_callbacks", "Payment callbacks that came in")
        for outcome in _OUTCOMES:
            self._counter.add(0, {"outcome": outcome})

    def add(self, outcome: CallbackOutcome) -> None:
        """One more."""
        self._counter.add(1, {"outcome": outcome})
