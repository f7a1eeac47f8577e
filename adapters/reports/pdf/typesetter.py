"""Has PDFs set by a process of its own.

It takes hundreds of megabytes for a long report, which a worker would not get back from typst's caches, and it may be
stopped at any moment. It inherits nothing of the environment, which holds secrets.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from asyncio import subprocess
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from adapters.reports.threads import finished
from domain.errors import JobError, PermanentError, ServiceUnavailable

_ROOT = Path(__file__).parent.parent
"""Templates are in here; others' files can't be read by one."""
_PRESS = Path(__file__).with_name("press.py")
_LONGEST = 120.0
"""Seconds for one file. Two thousand rows take less than two."""
_INHERITED = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR")


class Typesetter:
    """Sets one PDF at a time; others wait."""

    def __init__(self, *, longest: float = _LONGEST) -> None:
        """`longest`: seconds for one file."""
        self._longest = longest
        self._free = asyncio.Semaphore(1)
        self.running = 0
        """Processes that are there."""

    async def set(self, template: str, data: Mapping[str, Any], *, at: datetime) -> bytes:
        """Set a template, named by its path below this package, with data for JSON; `at` is its date of creation.

        The same data gives the same bytes. Raises ServiceUnavailable where the process was killed or took too long,
        PermanentError where the template or the installation has a fault.
        """
        order = await asyncio.to_thread(_order, template, data, at)
        async with self._free:
            try:
                async with asyncio.timeout(self._longest):
                    return await self._press(order)
            except TimeoutError:
                raise ServiceUnavailable(
                    f"Setting the PDF took longer than {self._longest:g} s: ask for a shorter period, or a table."
                ) from None

    async def _press(self, order: bytes) -> bytes:
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        try:
            press = await subprocess.create_subprocess_exec(
                sys.executable,
                "-I",
                str(_PRESS),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                # A Ctrl-C in the terminal is for the worker, which finishes its work.
                start_new_session=True,
            )
        except OSError as error:
            raise ServiceUnavailable(f"The process that sets PDFs does not start ({type(error).__name__}).") from None
        self.running += 1
        try:
            pdf, told = await press.communicate(order)
        finally:
            if press.returncode is None:  # left by a cancellation, or the time limit
                with contextlib.suppress(ProcessLookupError):
                    press.kill()
                await finished(press.wait())
            self.running -= 1
        if press.returncode == 0:
            return pdf
        raise _failure(press.returncode, told)


def _order(template: str, data: Mapping[str, Any], at: datetime) -> bytes:
    order = {
        "root": str(_ROOT),
        "template": template,
        "timestamp": int(at.timestamp()),
        "data": json.dumps(data, ensure_ascii=False),
    }
    return json.dumps(order).encode()


def _failure(status: int | None, told: bytes) -> JobError:
    if status is not None and status < 0:
        return ServiceUnavailable(
            f"The process that sets PDFs was killed by signal {-status}: look whether the machine is out of memory."
        )
    # Of our own template; but the last line of a traceback may hold anything.
    why = told.decode(errors="replace") if status == 1 and b"Traceback" not in told else f"status {status}"
    return PermanentError(
        f"The PDF cannot be set ({why[:300]}): this is a fault of its template or of the installation, not of the data."
    )
