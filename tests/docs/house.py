"""The project's files, as these tests look at them and copy them."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.processes.fork_server import python

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(sysconfig.get_path("scripts"))
ROOMS = ("domain", "workflows", "activities", "adapters", "starter", "demo")

PYTHON_HERE = (sys.executable, "-m")
"""Runs a module of the folder that a process is started in."""

_OURS = ("TEMPORAL_", "DATABASE_", "SMTP_", "MAIL_", "PAYMENT_", "OUTBOX_", "API_", "WORKER_", "JOBS_")


def typed(command: str) -> str:
    """A page's command for `bash -c`: with the programs of this environment, ours started by the fork server."""
    ours = " ".join((*python(), "-m starter"))
    return re.sub(
        r"\.venv/bin/(jobs\b|python -m starter\b)?", lambda found: ours if found[1] else f"{SCRIPTS}/", command
    )


def clean_environment() -> dict[str, str]:
    """Ours, without what would configure the project, and with no wide terminal or colours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return {**kept, "COLUMNS": "200", "NO_COLOR": "1"}


async def run(folder: Path, *command: str, environment: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Run a command in a folder; returns its exit status and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=dict(environment or clean_environment()),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(120):
        out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode()


async def failures(commands: Iterable[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Type a page's commands one after the other; returns what those printed that failed."""
    ended = {each: await run(ROOT, "bash", "-c", typed(each), environment=environment) for each in commands}
    return {command: out for command, (status, out) in ended.items() if status}


def copy_rooms(to: Path) -> Path:
    """A copy of the rooms and of what import-linter, ruff and pytest are told; returns its folder."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, to / room, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("worker.py", "pyproject.toml", ".importlinter"):
        shutil.copy(ROOT / file, to / file)
    return to


def copy_with_tests(to: Path) -> Path:
    """`copy_rooms`, and the tests that every kind of job has to pass, with what they need."""
    copy_rooms(to)
    for file in (
        *sorted(path.name for path in (ROOT / "tests").glob("*.py") if not path.name.startswith("test_")),
        *("processes/__init__.py", "processes/fork_server.py", "processes/launch.py"),
        *("workflows/__init__.py", "workflows/conftest.py", "workflows/test_replay.py"),
        *("docs/__init__.py", "docs/house.py", "docs/test_architecture.py"),
    ):
        (to / "tests" / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "tests" / file, to / "tests" / file)
    histories = Path("tests", "histories")
    shutil.copytree(ROOT / histories, to / histories, ignore=shutil.ignore_patterns("__pycache__"))
    return to
