"""The embedded stack for tests: started once a session, and only where a test asks for it."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from adapters.db.engine import make_engine
from adapters.process import leave
from adapters.settings import DatabaseSettings
from demo.inbox.reader import InboxReader
from demo.ports import Ports
from demo.stack import Stack
from starter.setup import add_search_attributes, wanted_search_attributes
from tests.databases import Databases
from tests.namespaces import new_namespace
from tests.payment_provider import ProviderController
from tests.smtp_server import SmtpServer
from tests.worker.worker_process import clean_environment

_SOON_STUCK = ("--dynamic-config-value", "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute=2")
"""The server tells that a run is stuck after two failed tasks, and not after five: that would take half a minute."""

# The gate tries the same few examples each time, so that it never fails by chance; `make test-all` looks for new ones.
settings.register_profile("gate", max_examples=20, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=1_000, deadline=None, print_blob=True)
settings.load_profile("gate")

_status = 0


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    if "stack" in getattr(item, "fixturenames", ()):
        item.add_marker("servers")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put tests that need no server first in each process: pytest-xdist gives each a consecutive part of all tests."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    needs_servers = [[item for item in items if ("servers" in item.keywords) is needed] for needed in (False, True)]
    items[:] = [
        item
        for process in range(processes)
        for part in needs_servers
        for item in part[len(part) * process // processes : len(part) * (process + 1) // processes]
    ]


def pytest_collection_finish() -> None:
    """Leave modules and collected tests out of later garbage collections, which would look through them each time."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """What a file left open is told there, and not in a test of another one that happens to collect garbage."""
    yield
    if nextitem is None or nextitem.path != item.path:
        gc.collect()


def pytest_sessionfinish(exitstatus: int) -> None:
    global _status  # pytest tells it here, and asks for nothing at its very end
    _status = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """End without the interpreter's shutdown, at which a process that used Temporal's SDK can crash or hang."""
    leave(_status)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Temporal, PostgreSQL, the inbox and the payment provider.

    Tests that stop a part start it again, and leave it running.
    """
    # Not pytest's own temporary folder: each pytest session of the same user closes that to other accounts, and
    # PostgreSQL has one of its own where the tests run as root.
    folder = Path(tempfile.mkdtemp(prefix="stack-"))
    attributes = dict.fromkeys(wanted_search_attributes(), "Keyword")
    try:
        with Stack(
            folder,
            ports=Ports.free(),
            payments=ProviderController,
            search_attributes=attributes,
            temporal_args=_SOON_STUCK,
        ) as running:
            yield running
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def temporal_address(stack: Stack) -> str:
    return stack.temporal_address


@pytest.fixture(scope="session")
def web_ui(stack: Stack) -> str:
    return stack.web_ui


@pytest.fixture(scope="session")
async def databases(stack: Stack) -> Databases:
    databases = Databases(stack.postgres)
    await databases.set_up()
    return databases


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[str]:
    """URL of a migrated database with nothing in it, the test's own."""
    url = await databases.migrated()
    yield url
    await databases.release(url)


@pytest.fixture
async def engine(database: str) -> AsyncIterator[AsyncEngine]:
    """Of the test's own database."""
    engine = make_engine(DatabaseSettings(url=SecretStr(database)))
    yield engine
    await engine.dispose()


@pytest.fixture
async def client(stack: Stack) -> Client:
    """Of the test's own namespace: no other test's worker takes its jobs."""
    client = await new_namespace(stack)
    await add_search_attributes(client)
    return client


@pytest.fixture
def environment(stack: Stack, client: Client, database: str) -> dict[str, str]:
    """Variables of processes that find everything, with the test's namespace and database."""
    return {
        **clean_environment(),
        **stack.environment(),
        "TEMPORAL_NAMESPACE": client.namespace,
        "DATABASE_URL": database,
        "WORKER_HTTP_PORT": "0",
    }


@pytest.fixture
async def mail_server() -> AsyncIterator[SmtpServer]:
    async with SmtpServer() as server:
        yield server


@pytest.fixture
async def inbox(stack: Stack) -> AsyncIterator[InboxReader]:
    """The stack's inbox, emptied; it takes every mail."""
    async with InboxReader(stack.inbox_url) as reader:
        await reader.clear()
        yield reader
        await reader.clear()


@pytest.fixture
async def provider(stack: Stack) -> AsyncIterator[ProviderController]:
    """The stack's payment provider, which holds no payments and behaves; `PaymentSettings` come from `stack`."""
    assert isinstance(stack.payments, ProviderController)
    await stack.payments.clear()
    yield stack.payments
    await stack.payments.clear()  # a worker of a test that does not ask for it asks for payments all the same
