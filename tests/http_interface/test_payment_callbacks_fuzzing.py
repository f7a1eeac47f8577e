"""Whatever bytes come as a payment callback: no answer is a server's error, and nothing is kept but what was signed.

The app is the real one, on a real database; bytes that no HTTP server would let through reach it too.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any, get_args

import asyncpg
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from adapters.settings import ApiSettings, PaymentCallbackSettings
from starter.api import make_app
from tests.callback_signing import SECRET, Scheme, signed
from tests.http_interface.serving import nowhere, settings_of
from tests.outbox.processes import FULL

Headers = list[tuple[bytes, bytes]]
Post = Callable[[Headers, list[bytes]], int]

pytestmark = pytest.mark.timeout(1800 if FULL else 180)

many = settings(max_examples=10_000 if FULL else 150, deadline=None)

_NAMES = {
    "standard": [b"webhook-id", b"webhook-timestamp", b"webhook-signature"],
    "stripe": [b"stripe-signature"],
}
_OTHERS = [b"content-type", b"content-length", b"content-encoding", b"transfer-encoding", b"authorization", b"host"]


@pytest.fixture(params=get_args(Scheme))
def scheme(request: pytest.FixtureRequest) -> Scheme:
    chosen: Scheme = request.param
    return chosen


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def post(runner: asyncio.Runner, database: str, scheme: Scheme) -> Iterator[Post]:
    """Sends headers, and a body in pieces, to the app; returns the answer's status."""
    known_by = PaymentCallbackSettings.model_validate({"scheme": scheme, "secrets": SecretStr(SECRET)})

    async def make() -> FastAPI:
        return make_app(ApiSettings(), database=settings_of(database), callbacks=known_by, client=await nowhere())

    app = runner.run(make())
    lifespan = app.router.lifespan_context(app)
    runner.run(lifespan.__aenter__())
    yield lambda headers, pieces: runner.run(_post(app, headers, pieces))
    runner.run(lifespan.__aexit__(None, None, None))


async def _post(app: FastAPI, headers: Headers, pieces: list[bytes]) -> int:
    coming = [
        *({"type": "http.request", "body": piece, "more_body": True} for piece in pieces),
        {"type": "http.request", "body": b"", "more_body": False},
    ]
    statuses: list[int] = []

    async def receive() -> Any:
        return coming.pop(0) if coming else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    address: dict[str, Any] = {"method": "POST", "path": "/webhooks/payments", "raw_path": b"/webhooks/payments"}
    connection = {"http_version": "1.1", "scheme": "http", "query_string": b"", "root_path": "", "client": ("::1", 1)}
    scope = {"type": "http", "asgi": {"version": "3.0"}, **address, **connection, "headers": headers}
    await app(scope, receive, send)
    [status] = statuses
    return status


async def _kept(database: str) -> list[str]:
    connection = await asyncpg.connect(database)
    try:
        ids = [row["id"] for row in await connection.fetch("SELECT id FROM payment_events")]
        jobs = [row["job_id"] for row in await connection.fetch("SELECT job_id FROM outbox WHERE kind <> 'alert'")]
    finally:
        await connection.close()
    assert set(jobs) <= {f"payment-callback/{event_id}" for event_id in ids}
    return ids


def test_no_bytes_at_all_get_in(runner: asyncio.Runner, database: str, scheme: Scheme, post: Post) -> None:
    value = st.one_of(st.binary(max_size=80), st.text(max_size=40).map(str.encode), st.just(b"v1,AAAA"))
    name = st.one_of(st.sampled_from([*_NAMES[scheme], *_OTHERS]), st.binary(max_size=20).map(bytes.lower))

    @many
    @given(headers=st.lists(st.tuples(name, value), max_size=8), pieces=st.lists(st.binary(max_size=200), max_size=3))
    def send(headers: Headers, pieces: list[bytes]) -> None:
        assert 400 <= post(headers, pieces) < 500

    send()
    assert runner.run(_kept(database)) == []


def test_what_is_nearly_right_gets_in_as_it_was_signed_or_not_at_all(
    runner: asyncio.Runner, database: str, scheme: Scheme, post: Post
) -> None:
    @many
    @given(data=st.data())
    def send(data: st.DataObject) -> None:
        callback = signed(scheme)
        headers, body = callback.raw_headers, callback.body
        for _ in range(data.draw(st.integers(1, 3))):
            place = data.draw(st.integers(0, len(headers) - 1)) if headers else -1
            change = data.draw(st.sampled_from(["drop", "twice", "value", "body"]))
            if change == "body" or place < 0:
                body = _changed(data, body)
            elif change == "drop":
                del headers[place]
            elif change == "twice":
                headers.insert(data.draw(st.integers(0, len(headers))), headers[place])
            else:
                headers[place] = (headers[place][0], _changed(data, headers[place][1]))
        half = len(body) // 2
        status = post(headers, [body[:half], body[half:]])
        # Some changes are none: a piece that base64 leaves out, or two that undo each other.
        assert 400 <= status < 500 or (status == 202 and body == callback.body)

    send()
    assert set(runner.run(_kept(database))) <= {"evt_1"}


def _changed(data: st.DataObject, value: bytes) -> bytes:
    start = data.draw(st.integers(0, len(value)))
    end = data.draw(st.integers(start, min(len(value), start + 3)))
    return value[:start] + data.draw(st.binary(max_size=3)) + value[end:]


def test_whatever_is_signed_is_kept_or_refused_as_unreadable(
    runner: asyncio.Runner, database: str, scheme: Scheme, post: Post
) -> None:
    plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    id_ = st.one_of(st.sampled_from(["pi_1", "a/b", "\0", "\x1b", " ", "\ud800", "é", "x" * 256]), plain)
    thing = st.dictionaries(st.sampled_from(["id", "object", "payment_intent", "payment_id"]), id_)
    kind = st.one_of(st.sampled_from(["payment.captured", "charge.refunded", "customer.created"]), id_)
    json_ = st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))
    about = st.one_of(thing, st.fixed_dictionaries({"object": thing}), json_)
    event = st.fixed_dictionaries({}, optional={"id": id_, "type": kind, "data": about, "more": json_})
    texts = st.one_of(event.map(json.dumps), json_.map(json.dumps), st.text(max_size=50))

    @many
    @given(text=texts, event_id=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=300))
    def send(text: str, event_id: str) -> None:
        callback = signed(scheme, text, event_id=event_id)
        assert post(callback.raw_headers, [callback.body]) in (202, 400, 409)

    send()
    assert all(event_id.isprintable() and len(event_id) <= 255 for event_id in runner.run(_kept(database)))
