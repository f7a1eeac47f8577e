"""API keys: who gets in, how long, and how one key takes another's place."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from adapters.db.api_keys import SqlApiKeys
from domain.api_keys import hash_of, id_in, new_secret
from starter.http.gate import Gate
from tests.http_interface.serving import Served, client_of, new_key

_ORDER = "/orders/1"


async def _status(served: Served, key: str) -> int:
    async with client_of(served.url, key) as http:
        return (await http.get(_ORDER)).status_code


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_keys_are_rotated_without_an_interruption(served: Served) -> None:
    clock, keys = Clock(), SqlApiKeys(served.engine)
    served.replace(gate=Gate(keys, clock=clock))
    old, new = await new_key(served.engine, "storefront"), await new_key(served.engine, "storefront")
    assert [await _status(served, key) for key in (old, new)] == [404, 404]
    revoked = await keys.revoke(id_in(old) or "")
    assert revoked is not None
    assert revoked.name == "storefront"
    clock.now += 5
    assert [await _status(served, key) for key in (old, new)] == [401, 404]
    assert await keys.revoke(revoked.id) == revoked  # the first time stays


async def test_a_key_expires_also_while_it_is_remembered(served: Served) -> None:
    keys, secret = SqlApiKeys(served.engine), new_secret()
    key = await keys.add(secret, "for a while", lifetime=timedelta(hours=1))
    assert key.expires_at == key.created_at + timedelta(hours=1)
    last = key.expires_at - timedelta(microseconds=1)
    times = iter([last, last, key.expires_at, key.expires_at])
    gate = Gate(keys, clock=Clock(), now=lambda: next(times))
    assert await gate.key(secret.key) == key
    assert await gate.key(secret.key) == key
    assert await gate.key(secret.key) is None
    assert await Gate(keys, now=lambda: next(times)).key(secret.key) is None


async def test_a_valid_key_is_looked_up_once_in_five_seconds(served: Served) -> None:
    clock = Clock()
    gate = Gate(SqlApiKeys(served.engine), clock=clock)
    assert await gate.key(served.key) is not None
    await served.run("DELETE FROM api_keys")
    clock.now = 4.9
    assert await gate.key(served.key) is not None
    clock.now = 5
    assert await gate.key(served.key) is None


async def test_one_who_is_not_let_in_does_not_learn_why(served: Served) -> None:
    known = id_in(served.key)
    others = [
        f"dj_{known}_{'0' * 64}",  # the id is there
        f"dj_{'0' * 12}_{'0' * 64}",  # it isn't
        "dj_",
        "x" * 4000,
        served.key.upper(),
        served.key + "0",
    ]
    async with httpx.AsyncClient(base_url=served.url, trust_env=False) as http:
        answers = [await http.get(_ORDER, headers={"Authorization": f"Bearer {key}"}) for key in others]
    assert {(answer.status_code, answer.text, answer.headers["www-authenticate"]) for answer in answers} == {
        (401, answers[0].text, 'Bearer error="invalid_token"')
    }


async def test_of_a_key_only_its_hash_is_kept(served: Served) -> None:
    [(row,)] = await served.run("SELECT api_keys::text FROM api_keys")
    secret = served.key.rpartition("_")[2]
    assert len(secret) == 64
    assert secret not in row
    assert hash_of(served.key).hex() in row


async def test_the_use_of_a_key_is_noted_now_and_then(served: Served) -> None:
    keys = SqlApiKeys(served.engine)

    async def last_used() -> object:
        [key] = await keys.all()
        return key.last_used_at

    assert await last_used() is None
    assert await _status(served, served.key) == 404
    first = await last_used()
    assert first is not None
    served.replace(gate=Gate(keys))
    assert await _status(served, served.key) == 404
    assert await last_used() == first
    await served.run("UPDATE api_keys SET last_used_at = now() - interval '6 min'")
    served.replace(gate=Gate(keys))
    assert await _status(served, served.key) == 404
    assert await last_used() not in (None, first - timedelta(minutes=6))  # type: ignore[operator]  # a time, as was asserted


@pytest.mark.parametrize("name", ["", "  ", "n" * 101])
async def test_the_database_takes_no_name_that_cannot_be_told_apart(served: Served, name: str) -> None:
    insert = "INSERT INTO api_keys (id, name, hash) VALUES ('0123456789ab', :name, sha256('x'))"
    with pytest.raises(Exception, match="ck_api_keys_name_shape"):  # SQLAlchemy's, with asyncpg's text
        await served.run(insert, name=name)


async def test_a_use_that_cannot_be_noted_fails_no_request(served: Served) -> None:
    await served.run("ALTER TABLE api_keys ADD CONSTRAINT ck_never_used CHECK (last_used_at IS NULL)")
    assert await _status(served, served.key) == 404
