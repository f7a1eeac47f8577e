"""Whatever is signed as a payment callback is kept or refused, and never a server's error.

The app is the real one, on a real database. What is not signed is refused by `adapters/payments/callbacks.py`.
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

many = settings(max_examples=10_000 if FULL else 20, deadline=None)


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
