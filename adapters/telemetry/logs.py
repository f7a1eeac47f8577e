"""Log lines: a sentence plus keys, as JSON for machines or coloured for people, written by a thread of their own.

No personal data or secrets at INFO and above, with one exception: the text of an exception that nobody foresaw, which
the log alone keeps (history holds its class and place). The process's own secrets are masked there too.
"""

from __future__ import annotations

import copy
import logging
import queue
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor
from temporalio import activity, workflow

from adapters.known_secrets import MaskedFormatter

CORE_LOGGER = "temporalio.core"
"""Receives what the SDK's core has to say (see `adapters/telemetry/metrics.py`)."""

# At INFO and below these tell of every request or statement, some with its values, or what the worker itself tells.
CHATTY = (
    *("alembic", "asyncio", "asyncpg", "aiosmtplib", "httpcore", "httpx", "sqlalchemy", "urllib3", "uvicorn"),
    "temporalio.worker",
)
"""Loggers that are heard from warnings on."""

_TELLS_OF_FAILURES = "activities.interceptor"
"""Module that logs each failed attempt together with what follows from it."""

_KEPT_AT_MOST = 10_000
"""Lines that wait for a slow reader of the log. Past it lines are dropped, and counted: jobs come first."""

_JOB_KEYS = {
    "workflow_id": "workflow_id",
    "workflow_run_id": "run_id",
    "run_id": "run_id",
    "workflow_type": "workflow_type",
    "activity_type": "activity_type",
    "task_queue": "queue",
}
"""The SDK's keys → ours, for what a line tells of the job it belongs to."""


def configure(
    *,
    format: str,  # noqa: A002  # as the setting is called
    level: str,
    stream: TextIO | None = None,
    mask: Callable[[str], str] | None = None,
    **always: Any,
) -> None:
    """Send all log lines of the process to `stream` (standard output by default), in place of what was set before.

    `format` is `json` or `console`, `level` one of logging's names; `mask` changes each finished line, tracebacks
    included; `always` are keys for every line.
    """
    root = logging.getLogger()
    for former in root.handlers[:]:
        root.removeHandler(former)
        former.close()
    output = logging.StreamHandler(stream or sys.stdout)
    lines = formatter(format, colours=output.stream.isatty(), **always)
    output.setFormatter(lines if mask is None else MaskedFormatter(lines, mask))
    root.addHandler(BackgroundHandler(output))
    root.setLevel(level)
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(True)
    # What they would append to the message, so that it were no sentence any more, comes as keys.
    workflow.logger.workflow_info_on_message = False
    activity.logger.activity_info_on_message = False
    activity.logger.base_logger.addFilter(_not_told_yet)


def formatter(format: str, *, colours: bool = False, **always: Any) -> logging.Formatter:  # noqa: A002  # as above
    """A formatter for `json` or `console` lines."""
    shared: list[Processor] = [
        structlog.stdlib.ExtraAdder(),
        _about_the_job,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _stamped,
        _adding(always),
    ]
    final: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if format == "json":
        final += [
            structlog.processors.format_exc_info,
            _ordered,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ]
    else:
        final.append(structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback))
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=final)


class BackgroundHandler(QueueHandler):
    """Hands lines to a thread that formats and writes them.

    Neither the event loop nor a workflow's thread waits for whoever reads the log, and nothing of the formatting runs
    under the restrictions of the workflow sandbox.
    """

    def __init__(self, output: logging.Handler, *, keep: int = _KEPT_AT_MOST) -> None:
        """Start the thread. `output` writes; it is closed with this handler. `keep` lines may wait for it."""
        self._lines: queue.Queue[logging.LogRecord] = queue.Queue(keep)
        super().__init__(self._lines)
        self._output = output
        self._dropped = 0
        self._listener = QueueListener(self._lines, output)
        self._listener.start()
        self._ended = False

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Fix what may change before the line is written."""
        prepared = copy.copy(record)
        # Arguments may be objects that live on.
        prepared.msg, prepared.args = record.getMessage(), None
        return prepared

    def enqueue(self, record: logging.LogRecord) -> None:
        """Put the line into the queue, or count it as dropped if that is full."""
        try:
            if self._dropped:
                self._lines.put_nowait(_notice("Log lines were dropped: nobody read them", dropped=self._dropped))
                self._dropped = 0
            self._lines.put_nowait(record)
        except queue.Full:
            self._dropped += 1

    def flush(self) -> None:
        """Return when all lines so far are written."""
        if not self._ended:
            self._lines.join()

    def close(self) -> None:
        """Write what is left, and end the thread."""
        if not self._ended:
            self.flush()
            self._ended = True
            self._listener.stop()
            self._output.close()
        super().close()


def _notice(message: str, **extra: Any) -> logging.LogRecord:
    return logging.getLogger(__name__).makeRecord(
        __name__, logging.WARNING, __file__, 0, message, (), None, extra=extra
    )


def _not_told_yet(record: logging.LogRecord) -> bool:
    """False for the SDK's own line about a failed activity where the retry interceptor has told of it, with more."""
    if getattr(record, "__temporal_error_identifier", "") != "ActivityFailure" or not record.exc_info:
        return True
    place = record.exc_info[2]
    while place and place.tb_next:
        place = place.tb_next
    return place is None or place.tb_frame.f_globals.get("__name__") != _TELLS_OF_FAILURES


def _about_the_job(_: Any, __: str, line: EventDict) -> EventDict:
    """Bring what the SDK tells of the job to the top, and add the business id.

    `attempt` counts all attempts of a step, as its policy does. The SDK's own number starts anew where a step that was
    tried locally goes on as a regular activity, so that `job_attempt` wins where the interceptor has told it.
    """
    job: Mapping[str, Any] = line.pop("temporal_workflow", None) or {}
    step: Mapping[str, Any] = line.pop("temporal_activity", None) or {}
    line.pop("__temporal_error_identifier", None)
    core = line.pop("temporal_log", None)
    if core is not None:
        line.update({f"core_{key}": value for key, value in dict(core.fields).items()}, target=core.target)
    for source in (job, step):
        for theirs, ours in _JOB_KEYS.items():
            if source.get(theirs) is not None:
                line.setdefault(ours, source[theirs])
    if (attempt := line.pop("job_attempt", None) or step.get("attempt")) is not None:
        line.setdefault("attempt", attempt)
    if business_id := str(line.get("workflow_id", "")).partition("/")[2]:
        line.setdefault("business_id", business_id)
    return line


def _stamped(_: Any, __: str, line: EventDict) -> EventDict:
    # The time of the event, not of its writing.
    made = datetime.fromtimestamp(line["_record"].created, UTC).isoformat(timespec="milliseconds")
    line["timestamp"] = made.removesuffix("+00:00") + "Z"
    return line


def _ordered(_: Any, __: str, line: EventDict) -> EventDict:
    first = {key: line.pop(key) for key in ("timestamp", "level")}
    return {**first, "message": line.pop("event"), **line}


def _adding(always: dict[str, Any]) -> Callable[[Any, str, EventDict], EventDict]:
    def add(_: Any, __: str, line: EventDict) -> EventDict:
        return {**line, **always}

    return add
