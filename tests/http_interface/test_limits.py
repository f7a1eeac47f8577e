"""How long a request may take: an answer goes on as long as each of its pieces comes in time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from starter.http.middleware import Deadline

LIMIT_S = 20.0
START: Message = {"type": "http.response.start", "status": 200, "headers": []}


def piece(*, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": b"x", "more_body": more}


@pytest.fixture
async def passes(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], Any]:
    """Lets a share of the limit pass, by a clock of the test's own."""
    loop = asyncio.get_running_loop()
    clock = SimpleNamespace(now=loop.time())
    monkeypatch.setattr(loop, "time", lambda: clock.now)

    async def passes(share: float) -> None:
        clock.now += LIMIT_S * share
        for _ in range(3):
            await asyncio.sleep(0)

    return passes


async def answered(work: Callable[[Receive, Send], Any]) -> list[Message]:
    """What a client gets of an app."""
    got: list[Message] = []

    async def app(_: Scope, receive: Receive, send: Send) -> None:
        await work(receive, send)

    async def receive() -> Message:
        await asyncio.Event().wait()
        return {}

    async def send(message: Message) -> None:
        got.append(message)

    parts = SimpleNamespace(request_timeout=timedelta(seconds=LIMIT_S))
    scope = {"type": "http", "app": SimpleNamespace(state=SimpleNamespace(parts=parts))}
    await Deadline(app)(scope, receive, send)
    return got


async def test_a_long_answer_has_the_whole_time_again_for_each_piece_and_breaks_off_if_one_does_not_come(
    passes: Callable[[float], Any], caplog: pytest.LogCaptureFixture
) -> None:
    async def whole(_: Receive, send: Send) -> None:
        await send(START)
        for number in range(4):
            await passes(0.9)
            await send(piece(more=number < 3))

    async def stalls(_: Receive, send: Send) -> None:
        await send(START)
        await send(piece())
        await passes(1.1)
        await send(piece(more=False))

    assert len(await answered(whole)) == 5
    assert caplog.records == []
    assert len(await answered(stalls)) == 2
    assert [(each.levelno, each.__dict__["action"]) for each in caplog.records] == [(logging.ERROR, "break-off")]


@pytest.mark.parametrize(("reads", "status"), [(True, 408), (False, 503)])
async def test_a_request_that_takes_too_long_is_answered_with_the_side_that_is_late(
    passes: Callable[[float], Any], *, reads: bool, status: int
) -> None:
    async def late(receive: Receive, _: Send) -> None:
        waiting = asyncio.create_task(passes(1.1))
        if reads:
            await receive()
        await asyncio.Event().wait()
        await waiting

    start, body = await answered(late)
    assert start["status"] == status
    assert b"did not arrive" in body["body"] if reads else b"may have taken effect" in body["body"]
