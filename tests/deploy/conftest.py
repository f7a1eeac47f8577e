"""The compose file's services, running: once for all tests of a file."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from demo.ports import Ports
from demo.stack import Stack
from tests.deploy import image
from tests.deploy.machine import Machine


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as the image has it."""
    return image.install(tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def empty_stack() -> Iterator[Stack]:
    """Servers of these tests alone, with nothing in them: accounts belong to a whole server."""
    folder = Path(tempfile.mkdtemp(prefix="machine-"))
    try:
        with Stack(folder, ports=Ports.free(), payments=None) as running:
            yield running
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
async def machine(
    empty_stack: Stack, installed: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Machine]:
    """Servers, secrets and databases are there, and the set-up has run."""
    connection = await asyncpg.connect(empty_stack.postgres.url_of("postgres"))
    await connection.execute("DROP DATABASE shop")
    await connection.close()
    made = Machine(empty_stack, tmp_path_factory.mktemp("machine"), installed)
    try:
        await asyncio.to_thread(made.make_secrets)
        await asyncio.to_thread(made.make_databases)
        await asyncio.to_thread(made.make_namespace)
        yield made
    finally:
        made.kill_all()
