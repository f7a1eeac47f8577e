"""The codec server decrypts for those who may, and in browsers for the Web UI's pages; `temporal` works with it."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import sysconfig
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from google.protobuf.json_format import MessageToJson, Parse
from pydantic import SecretStr
from temporalio.api.common.v1 import Payload, Payloads

from adapters.db.api_keys import SqlApiKeys
from adapters.db.engine import make_engine
from adapters.job_settings import CodecSettings
from adapters.settings import DatabaseSettings
from adapters.telemetry.metrics import exporting
from demo.ports import free_port
from demo.stack import Stack
from domain.api_keys import KeyScope, new_secret
from starter import Jobs
from starter.codec_server import make_app
from tests.encryption.conftest import Having, keyring
from tests.encryption.diary import KINDS, DiaryEntryRequest
from tests.http_interface.scraped import requests
from tests.http_interface.serving import serving

WEB_UI = "http://temporal.test:8233"
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'"Ada Lovelace"')


@dataclass(frozen=True)
class Codec:
    """A running codec server, with k1 and k2."""

    http: httpx.AsyncClient
    """Sends no key."""
    address: str
    key: str
    foreign_key: str
    """Of the HTTP interface."""
    keys: SqlApiKeys
    metrics: str
    """Where they are read."""

    async def decode(self, *payloads: Payload, path: str = "/decode", **headers: str) -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(path, content=MessageToJson(Payloads(payloads=payloads)), headers=sent)


@pytest.fixture
async def codec(database: str) -> AsyncIterator[Codec]:
    settings = DatabaseSettings(url=SecretStr(database))
    engine = make_engine(settings)
    keys, secret, foreign = SqlApiKeys(engine), new_secret(), new_secret()
    await keys.add(secret, "ada", lifetime=None, scope=KeyScope.codec)
    await keys.add(foreign, "storefront", lifetime=None)
    runtime, metrics = exporting("127.0.0.1", free_port())
    app = make_app(CodecSettings(origins=WEB_UI), database=settings, keyring=keyring("k1", "k2"), runtime=runtime)
    async with serving(app) as address, httpx.AsyncClient(base_url=address, trust_env=False, timeout=30) as http:
        yield Codec(http, address, secret.key, foreign.key, keys, metrics)
    await engine.dispose()


def plain(answer: httpx.Response) -> list[Payload]:
    assert answer.status_code == 200, answer.text
    return list(Parse(answer.text, Payloads()).payloads)


async def test_who_has_a_key_for_it_has_payloads_decrypted_and_encrypted(codec: Codec) -> None:
    bearer = {"Authorization": f"Bearer {codec.key}", "X_Namespace": "default"}
    of_both = keyring("k1").encrypt(PLAIN), keyring("k2").encrypt(PLAIN)

    assert plain(await codec.decode(*of_both, PLAIN, **bearer)) == [PLAIN] * 3
    # Below any path.
    assert plain(await codec.decode(*of_both, path="/of/shop/decode", **bearer)) == [PLAIN] * 2
    [encrypted] = plain(await codec.decode(PLAIN, path="/encode", **bearer))
    assert keyring("k1").decrypt(encrypted) == PLAIN != encrypted
    # What it has no key for stays as it is, and the rest is shown all the same.
    foreign = Payload(metadata={"encoding": b"binary/encrypted", "encryption-key-id": b"k9"}, data=b"x" * 40)
    assert plain(await codec.decode(foreign, of_both[0], **bearer)) == [foreign, PLAIN]
    for body in (b"", b"Ada", b'{"payloads": "Ada"}', b"\xff", b'{"payload": "Ada"}'):
        refused = await codec.http.post("/decode", content=body, headers=bearer)
        assert (refused.status_code, "Ada" in refused.text) == (400, False), body
    assert (await codec.http.get("/readyz")).json() == {"ready": True, "database": True}


async def test_nobody_else_has_anything_decrypted(codec: Codec) -> None:
    made = keyring("k1").encrypt(PLAIN)
    wrong = codec.key[:-1] + ("1" if codec.key.endswith("0") else "0")
    for given in ("", "Bearer", f"Bearer {codec.foreign_key}", f"Bearer {wrong}", f"Basic {codec.key}"):
        answer = await codec.decode(made, Authorization=given)
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
        assert "jobs api-keys create NAME --codec" in answer.json()["detail"]

    [key] = [key for key in await codec.keys.all() if key.scope is KeyScope.codec]
    await codec.keys.revoke(key.id)

    assert (await codec.decode(made, Authorization=f"Bearer {codec.key}")).status_code == 401


async def test_the_web_ui_asks_with_the_cookie_of_who_has_signed_in(codec: Codec) -> None:
    made = keyring("k1").encrypt(PLAIN)
    wrong = await codec.http.post("/sign-in", data={"key": codec.foreign_key})
    assert (wrong.status_code, "--codec" in wrong.text) == (401, True)

    signed_in = await codec.http.post("/sign-in", data={"key": codec.key}, headers={"Origin": codec.address})

    assert (signed_in.status_code, signed_in.headers["location"]) == (303, "./")
    cookie = signed_in.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert codec.key not in cookie
    assert "Signed in as <b>ada</b>" in (await codec.http.get("/")).text
    answer = await codec.decode(made, Origin=WEB_UI)
    assert plain(answer) == [PLAIN]
    assert answer.headers["access-control-allow-origin"] == WEB_UI
    assert answer.headers["access-control-allow-credentials"] == "true"
    # A page of somebody else's, and a form that a browser sends without asking first.
    for origin in ("https://evil.test", "null"):
        foreign = await codec.decode(made, Origin=origin)
        assert (foreign.status_code, "access-control-allow-origin" in foreign.headers) == (401, False)
    assert (await codec.decode(made)).status_code == 401

    assert (await codec.http.post("/sign-out", headers={"Origin": codec.address})).status_code == 303
    assert (await codec.decode(made, Origin=WEB_UI)).status_code == 401


async def test_browsers_are_told_which_pages_may_ask(codec: Codec) -> None:
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-namespace,authorization",
    }
    allowed = await codec.http.options("/decode", headers={**asked, "Origin": WEB_UI})
    refused = await codec.http.options("/decode", headers={**asked, "Origin": "https://evil.test"})

    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, WEB_UI)
    assert "x-namespace" in allowed.headers["access-control-allow-headers"]
    assert refused.status_code == 400
    # A page that is refused can say why.
    wrong = await codec.decode(PLAIN, Origin=WEB_UI)
    assert (wrong.status_code, wrong.headers["access-control-allow-origin"]) == (401, WEB_UI)
    # Counted like all others, though no route has answered the first two.
    assert await requests(codec.metrics) == {
        ("OPTIONS", "/decode", "200", ""): 1,
        ("OPTIONS", "/decode", "400", ""): 1,
        ("POST", "/decode", "401", ""): 1,
    }


async def test_the_temporal_command_shows_a_job_through_it(codec: Codec, having: Having, stack: Stack) -> None:
    client, hint = await having("k1"), uuid.uuid4().hex
    job = await Jobs(client, kinds=KINDS).start(DiaryEntryRequest(entry_id=9_000_001, hint=hint))
    program = shutil.which("temporal", path=sysconfig.get_path("scripts"))
    assert program is not None

    async def shown(*options: str) -> bytes:
        """What it was started with."""
        where = ("--address", stack.temporal_address, "--namespace", client.namespace)
        what = ("workflow", "show", "--workflow-id", job.id, "--output", "json")
        process = await asyncio.create_subprocess_exec(
            program, *what, *where, *options, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        started = json.loads(out)["events"][0]["workflowExecutionStartedEventAttributes"]
        return base64.b64decode(started["input"]["payloads"][0]["data"])

    with_key = await shown("--codec-endpoint", codec.address, "--codec-auth", f"Bearer {codec.key}")
    assert hint.encode() in with_key
    assert hint.encode() not in await shown()
