"""The shape of log lines, for machines and for people."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio import activity
from temporalio.exceptions import ApplicationError

from adapters.telemetry import logs

JOB = {
    "attempt": 1,
    "namespace": "default",
    "run_id": "01a2-run",
    "task_queue": "notifications",
    "workflow_id": "order-confirmation/1042",
    "workflow_type": "OrderConfirmation",
}
STEP = {
    "activity_id": "1",
    "activity_type": "order_confirmation.confirm",
    "attempt": 2,
    "namespace": "default",
    "task_queue": "notifications",
    "workflow_id": "order-confirmation/1042",
    "workflow_run_id": "01a2-run",
    "workflow_type": "OrderConfirmation",
}


def record(message: str, *arguments: object, level: int = logging.INFO, exc_info: Any = None, **extra: object) -> Any:
    return logging.getLogger("shop").makeRecord(
        "shop", level, __file__, 1, message, arguments, exc_info, extra=dict(extra)
    )


def as_json(line: logging.LogRecord, **always: Any) -> dict[str, Any]:
    text = logs.formatter("json", **always).format(line)
    assert "\n" not in text
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def test_a_line_is_a_sentence_with_keys_and_the_time_of_the_event() -> None:
    late = record("Job %s", "ended", action="completed", seconds=0.25, kinds=frozenset({"注文確認"}))
    late.created = 1_767_323_040.125

    line = as_json(late, process_index=1)

    assert line == {
        "timestamp": "2026-01-02T03:04:00.125Z",
        "level": "info",
        "message": "Job ended",
        "logger": "shop",
        "action": "completed",
        "seconds": 0.25,
        "kinds": "frozenset({'注文確認'})",
        "process_index": 1,
    }
    assert list(line)[:3] == ["timestamp", "level", "message"]
    assert "注文確認" in logs.formatter("json").format(late)


@pytest.mark.parametrize("source", [{"temporal_workflow": JOB}, {"temporal_activity": STEP}], ids="".join)
def test_what_the_sdk_tells_of_a_job_comes_as_keys_of_its_line(source: dict[str, Any]) -> None:
    line = as_json(record("Order not found", **source))

    assert (line["workflow_id"], line["run_id"]) == ("order-confirmation/1042", "01a2-run")
    assert (line["workflow_type"], line["queue"], line["business_id"]) == ("OrderConfirmation", "notifications", "1042")
    assert (line.get("activity_type"), line.get("attempt")) in ((None, None), ("order_confirmation.confirm", 2))
    assert not line.keys() & source.keys()
    # Counted from the first local one.
    assert as_json(record("Attempt failed", **source, job_attempt=3))["attempt"] == 3


def test_exceptions_come_with_their_trace_and_the_cores_lines_with_their_fields_also_for_people() -> None:
    try:
        STEP["no such page"]
    except KeyError:
        line = as_json(record("It failed", level=logging.ERROR, exc_info=sys.exc_info()))
    assert "KeyError: 'no such page'" in line["exception"]

    core = SimpleNamespace(fields={"attempt": 3, "error": "Unavailable"}, target="temporalio_client::retry")
    line = as_json(record("gRPC call failed", level=logging.WARNING, temporal_log=core))
    assert (line["core_error"], line["target"]) == ("Unavailable", "temporalio_client::retry")

    text = logs.formatter("console").format(record("Job ended", temporal_workflow=JOB))
    assert "Job ended" in text
    assert "business_id=1042" in text
    assert "\x1b" not in text


@pytest.fixture
def restored() -> Iterator[None]:
    """Put the process's logging back as it was."""
    root, kept = logging.getLogger(), logging.getLogger().handlers[:]
    level, of_activities = root.level, activity.logger.base_logger.filters[:]
    levels = {name: logging.getLogger(name).level for name in logs.CHATTY}
    yield
    for handler in set(root.handlers) - set(kept):
        handler.close()
    root.handlers[:], activity.logger.base_logger.filters[:] = kept, of_activities
    root.setLevel(level)
    for name, former in levels.items():
        logging.getLogger(name).setLevel(former)
    logging.captureWarnings(False)


@pytest.fixture
def log(restored: None) -> io.StringIO:  # noqa: ARG001  # what it undoes is done here
    stream = io.StringIO()
    logging.getLogger().handlers.clear()
    logs.configure(format="json", level="INFO", stream=stream)
    return stream


def flushed(log: io.StringIO) -> list[dict[str, Any]]:
    for handler in logging.getLogger().handlers:
        handler.flush()
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_libraries_that_tell_every_statement_are_heard_from_warnings_on(log: io.StringIO) -> None:
    logging.getLogger("sqlalchemy.engine").info("INSERT … VALUES ('Ada Lovelace')")
    logging.getLogger("httpx").info("HTTP Request")
    logging.getLogger("sqlalchemy.pool").warning("a pool's warning")
    logging.getLogger("a_team.of.the_shop").info("ours")

    assert [line["message"] for line in flushed(log)] == ["a pool's warning", "ours"]


def test_a_failure_that_the_interceptor_has_told_is_not_told_again(log: io.StringIO) -> None:
    for module, text in (("activities.interceptor", "told before"), ("a_team.activities", "an activity's own")):
        # As if it were raised by code of that module.
        code: dict[str, Any] = {"__name__": module, "ApplicationError": ApplicationError}
        exec(f"def fail(): raise ApplicationError({text!r})", code)  # noqa: S102  # our own text
        try:
            code["fail"]()
        except ApplicationError:
            extra = {"__temporal_error_identifier": "ActivityFailure"}
            activity.logger.warning("Completing activity as failed", exc_info=True, extra=extra)

    (line,) = flushed(log)
    assert "an activity's own" in line["exception"]
    assert not any(key.startswith("_") for key in line)


def test_a_slow_reader_of_the_log_costs_lines_but_no_time(restored: None) -> None:  # noqa: ARG001  # puts logging back
    stream = io.StringIO()
    output = logging.StreamHandler(stream)
    handler = logs.BackgroundHandler(output, keep=10)
    with output.lock or pytest.fail("a handler has a lock"):  # as if it wrote to a pipe that nobody reads
        for number in range(100):
            handler.handle(record("line %s", number))
    handler.flush()
    handler.handle(record("the last"))
    handler.close()

    lines = stream.getvalue().splitlines()
    assert "line 0" in lines
    assert lines[-1] == "the last"
    assert "Log lines were dropped: nobody read them" in lines
    assert len(lines) < 20
