"""What all benchmarks share: the command line, quantiles, processes under measurement, and the report."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import psutil

from adapters.process import leave

ExtentT = TypeVar("ExtentT")
Run = Callable[[ExtentT, Path], Coroutine[Any, Any, dict[str, Any]]]
"""Measures in a folder; returns the figures."""


def main(
    about: str | None,
    run: Callable[[ExtentT, Path], Coroutine[Any, Any, dict[str, Any]]],
    *,
    full: ExtentT,
    quick: ExtentT,
) -> NoReturn:
    """Run a benchmark in a folder of its own, and print its figures as the last line: one JSON object.

    The exit status is 0 if its "ok" is true.
    """
    parser = argparse.ArgumentParser(description=(about or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few seconds a part, to see whether it works")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="jobs-bench-", ignore_cleanup_errors=True) as folder:
        figures = asyncio.run(run(quick if chosen.quick else full, Path(folder)))
    print(json.dumps(figures), flush=True)  # noqa: T201  # the result
    leave(0 if figures["ok"] else 1)


def say(part: str, figures: object) -> None:
    """A line before the last one."""
    print(f"{part}: {figures}", flush=True)  # noqa: T201  # a report


def quantile(values: Iterable[float], share: float) -> float:
    """The value that `share` (0 to 1) of the values are below."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def cpu(pid: int | None) -> float:
    """CPU seconds of a process and its children so far."""
    if pid is None:
        raise RuntimeError("the process has ended: see its log")
    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    return sum(times.user + times.system for times in (each.cpu_times() for each in family))


@contextmanager
def running(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is killed at the end; its output goes into `log`.

    An error that passes through here gets the end of the log as a note: a process that ended is waited for in vain.
    """
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603  # our own command
            list(command),
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            bufsize=0,
        )
    try:
        yield process
    except Exception as exc:
        end = log.read_text(errors="replace")[-2000:]
        exc.add_note(f"{' '.join(command)} (exit status {process.poll()}) wrote: {end}")
        raise
    finally:
        process.kill()
        process.wait()
