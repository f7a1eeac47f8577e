"""Clients with keys, in a namespace of the test's own."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from itertools import count

import pytest
from temporalio.client import Client
from temporalio.converter import DataConverter

from demo.stack import Stack
from starter.connection import connect
from starter.setup import add_search_attributes
from tests.encryption.diary import KINDS
from tests.namespaces import new_namespace
from workflows.data_converter import data_converter
from workflows.encryption import Keyring, encrypting

Having = Callable[..., Awaitable[Client]]

_KEYS = {name: secrets.token_bytes(32) for name in ("k1", "k2")}
_ids = count(1)


def keyring(*names: str, encrypts: bool = True) -> Keyring:
    return Keyring({name: _KEYS[name] for name in names}, encrypts=encrypts)


@pytest.fixture(scope="module")
async def namespace(stack: Stack) -> str:
    """Of the module's own, set up for the diary."""
    client = await new_namespace(stack)
    await add_search_attributes(client, KINDS)
    return client.namespace


@pytest.fixture(scope="module")
def having(namespace: str, stack: Stack) -> Having:
    """Connects with these keys, or with none."""

    async def having(*names: str, converter: DataConverter | None = None) -> Client:
        converter = converter or (encrypting(data_converter, keyring(*names)) if names else data_converter)
        return await connect(target_host=stack.temporal_address, namespace=namespace, data_converter=converter)

    return having


@pytest.fixture
def entry_id() -> int:
    return next(_ids)
