"""Stacks that are owned by a process of their own, which tests then kill."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo.stack_owner import Owner, OwnerStarter


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's: see `tests/conftest.py`."""
    made = Path(tempfile.mkdtemp(prefix="stack-"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def start_owner(folder: Path) -> Iterator[OwnerStarter]:
    started: list[Owner] = []

    def start() -> Owner:
        started.append(Owner.start(folder))
        return started[-1]

    yield start
    for owner in started:
        owner.process.kill()
        owner.survivors()
