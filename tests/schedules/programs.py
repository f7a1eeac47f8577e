"""Programs that these tests run: Temporal's command line, and ours with another package installed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from demo.temporal_server import temporal_binary
from tests.starter import plugins

_ROOT = Path(__file__).parents[2]
_TOP = """
from datetime import timedelta
from starter.schedules import Schedule
from tests.schedules.chimes import ChimeRequest
"""


class TemporalProgram:
    """`temporal`, in an environment."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = {**os.environ, **environment}

    async def __call__(self, *arguments: str, status: int = 0) -> str:
        """Run it to its end; returns what it said."""
        process = await asyncio.create_subprocess_exec(
            temporal_binary(),
            *arguments,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(60):
            out, _ = await process.communicate()
        assert process.returncode == status, out.decode()
        return out.decode()


def install(folder: Path, rows: str) -> str:
    """A package that declares schedules, and brings their kind of job; returns the path that has it."""
    entry_points = (
        "[durable_jobs.kinds]\nchimes = tests.schedules.chimes:ROW\n[durable_jobs.schedules]\nchimes = chimes:ROWS\n"
    )
    plugins.install(folder, f"{_TOP}\n{rows}\n", name="chimes", entry_points=entry_points)
    return f"{folder}{os.pathsep}{_ROOT}"
