"""What tests of the demo share."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil
import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's: see `tests/conftest.py`."""
    made = Path(tempfile.mkdtemp(prefix="stack-"))
    yield made
    shutil.rmtree(made)


def survivors(processes: Iterable[psutil.Process], within: float = 30) -> list[psutil.Process]:
    """Those that are still there when all should have ended."""
    _, alive = psutil.wait_procs(list(processes), timeout=within)
    return [process for process in alive if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
