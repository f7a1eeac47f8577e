"""No process runs without the keys that jobs need, and none with a wrong one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from adapters.db.encryption_keys import SqlEncryptionKeys
from adapters.db.engine import make_engine
from adapters.settings import DatabaseSettings
from domain.encryption_keys import KnownKey
from starter.errors import WrongKeys
from starter.key_check import KeyCheck
from tests.encryption.conftest import keyring
from workflows.encryption import Keyring

OFF = "off (no keys in JOBS_ENCRYPTION_KEYS, or the file that JOBS_ENCRYPTION_KEYS_FILE names)"


@pytest.fixture
async def store(database: str) -> AsyncIterator[SqlEncryptionKeys]:
    engine = make_engine(DatabaseSettings(url=SecretStr(database)))
    yield SqlEncryptionKeys(engine)
    await engine.dispose()


async def refusal(store: SqlEncryptionKeys, keys: Keyring | None) -> str:
    with pytest.raises(WrongKeys) as refused:
        await KeyCheck(store, keys).register()
    return str(refused.value)


async def test_a_key_is_changed_without_any_process_being_refused(store: SqlEncryptionKeys) -> None:
    steps = [
        (None, OFF),
        # First all can decrypt, then all encrypt.
        (keyring("k1", encrypts=False), "nothing is encrypted (JOBS_ENCRYPTION_DECRYPT_ONLY); k1 decrypts"),
        (None, OFF),
        (keyring("k1"), "k1 encrypts"),
        # The new key is made known, then used; processes that were not restarted yet go on between.
        (keyring("k1", "k2"), "k1 encrypts; k2 decrypts"),
        (keyring("k1"), "k1 encrypts"),
        (keyring("k2", "k1"), "k2 encrypts; k1 decrypts"),
        (keyring("k1", "k2"), "k1 encrypts; k2 decrypts"),
    ]
    for keys, told in steps:
        assert await KeyCheck(store, keys).register() == told

    await store.retire("k1")

    assert await KeyCheck(store, keyring("k2")).register() == "k2 encrypts"
    assert await KeyCheck(store, keyring("k2", "k1")).register() == "k2 encrypts; k1 decrypts"
    assert "'k1' is retired" in await refusal(store, keyring("k1", "k2"))


async def test_a_process_without_a_key_that_is_in_use_is_refused(store: SqlEncryptionKeys) -> None:
    await KeyCheck(store, keyring("k1")).register()

    for keys in (None, keyring("k2")):
        told = await refusal(store, keys)
        assert "'k1'" in told
        assert "JOBS_ENCRYPTION_KEYS, or the file that JOBS_ENCRYPTION_KEYS_FILE names" in told
        assert "jobs encryption retire k1" in told
        assert "\n" not in told
    # It was refused before it could be made known.
    assert [key.id for key in await store.all()] == ["k1"]


@pytest.mark.parametrize("encrypts", [True, False])
async def test_a_key_that_is_another_one_under_the_same_id_is_refused(store: SqlEncryptionKeys, encrypts: bool) -> None:
    await KeyCheck(store, keyring("k1", encrypts=encrypts)).register()
    other = Keyring({"k1": bytes(32)})

    assert "'k1'" in await refusal(store, other)
    # Also one that came at the same moment.
    await store.keep("k1", other.checks()["k1"], encrypts=True)
    [key] = await store.all()
    assert key.check == keyring("k1").checks()["k1"]
    assert (key.encrypts_since is not None) == encrypts


async def test_the_database_gets_nothing_of_a_key(store: SqlEncryptionKeys) -> None:
    secret = bytes(range(32))

    await KeyCheck(store, Keyring({"k1": secret})).register()

    [key] = await store.all()
    assert isinstance(key, KnownKey)
    assert key.check not in secret
    assert len(key.check) == 16
