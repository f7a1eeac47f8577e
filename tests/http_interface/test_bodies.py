"""Bodies that cannot be read: too large, not JSON, or not declared to be."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.http_interface.serving import PROBLEM, Served

_JSON = {"Content-Type": "application/json"}


async def _post(served: Served, content: Any, headers: dict[str, str] | None = None) -> httpx.Response:
    return await served.http.post("/orders", content=content, headers=_JSON if headers is None else headers)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"{", "not JSON: Expecting property name enclosed in double quotes at character 1"),
        (b'{"customer_id": ' + b"9" * 5000 + b"}", "cannot be read"),
        (b"[" * 60_000, "cannot be read"),
        (b'{"currency": "\xff"}', "cannot be read"),
    ],
)
async def test_a_body_that_is_no_json_is_malformed(shared: Served, content: bytes, told: str) -> None:
    answer = await _post(shared, content)
    assert (answer.status_code, answer.headers["content-type"]) == (400, PROBLEM)
    assert told in answer.json()["detail"]


@pytest.mark.parametrize("content", [b"[]", b"null", b"1", b'"text"', b"{}"])
async def test_a_body_that_is_no_order_does_not_fit(shared: Served, content: bytes) -> None:
    answer = await _post(shared, content)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#")


@pytest.mark.parametrize("declared", [None, "text/plain", "application/json; charset=latin-1"])
async def test_a_body_that_is_not_declared_to_be_json_is_not_read(shared: Served, declared: str | None) -> None:
    answer = await _post(shared, b"{}", {"Content-Type": declared} if declared else {})
    assert (answer.status_code, answer.headers["content-type"]) == (415, PROBLEM)


async def test_a_declared_charset_may_be_utf_8(shared: Served) -> None:
    answer = await _post(shared, b"{}", {"Content-Type": 'Application/JSON; charset="UTF-8"'})
    assert answer.status_code == 422


async def test_the_largest_body_is_read_and_no_larger_one(shared: Served) -> None:
    limit = 64 * 1024
    assert (await _post(shared, b" " * (limit - 2) + b"{}")).status_code == 422
    answer = await _post(shared, b" " * (limit - 1) + b"{}")
    assert (answer.status_code, answer.headers["content-type"]) == (413, PROBLEM)
    assert answer.headers["connection"] == "close"


async def test_a_body_that_never_ends_is_not_read_for_ever(shared: Served) -> None:
    async with _connection(shared, b"Transfer-Encoding: chunked\r\n\r\n") as (_, writer):
        with pytest.raises(OSError):  # noqa: PT011  # it is reset, or the pipe is broken
            await asyncio.wait_for(_push(writer), 30)


async def _push(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0)


async def test_a_larger_length_is_refused_before_any_of_the_body_has_come(shared: Served) -> None:
    async with _connection(shared, b"Content-Length: 65537\r\n\r\n") as (reader, _):
        assert (await reader.readline()).startswith(b"HTTP/1.1 413")


@asynccontextmanager
async def _connection(served: Served, rest: bytes) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection on which a request's head was sent."""
    address = urlsplit(served.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    head = f"POST /orders HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {served.key}\r\n".encode()
    writer.write(head + b"Content-Type: application/json\r\n" + rest)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_a_body_in_chunks_is_refused_where_it_goes_beyond_the_limit(shared: Served) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 16 * 1024

    answer = await _post(shared, chunks())
    assert (answer.status_code, answer.headers["content-type"]) == (413, PROBLEM)
