"""A real Temporal server on which each workflow's clock skips its waits."""

import shutil
import sysconfig
from collections.abc import AsyncIterator

import pytest_asyncio
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from starter.setup import add_search_attributes
from workflows.data_converter import data_converter


@pytest_asyncio.fixture(scope="session")
async def skipping() -> AsyncIterator[Client]:
    """Client of the server; what it starts skips time."""
    binary = shutil.which("temporal", path=sysconfig.get_path("scripts"))
    assert binary is not None
    environment = await WorkflowEnvironment.start_time_skipping_v2(
        dev_server_existing_path=binary,
        dev_server_extra_args=["--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true"],
        dev_server_log_level="error",
        data_converter=data_converter,
    )
    async with environment:
        await add_search_attributes(environment.client)
        yield environment.client
