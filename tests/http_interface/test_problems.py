"""Whatever goes wrong, the answer is a problem document that gives nothing away."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from domain.errors import OutcomeUnknown, ServiceUnavailable
from domain.idempotency import Answer, StillAtWork
from tests.http_interface.serving import PROBLEM, Served

_SECRET = "postgresql://shop:s3cret@db.internal/shop"


class FailingDesk:
    def __init__(self, error: Exception) -> None:
        self._error = error

    async def place(self, order: Any, answer: Callable[..., Answer], repeatable: Any) -> Answer:  # noqa: ARG002  # the port's
        raise self._error


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (ServiceUnavailable(_SECRET), 503, "5"),
        (ServiceUnavailable(_SECRET, retry_after=timedelta(seconds=40)), 503, "40"),
        (OutcomeUnknown(_SECRET), 503, "5"),
        (StillAtWork(_SECRET), 409, "1"),
        (RuntimeError(_SECRET), 500, None),
    ],
)
async def test_what_goes_wrong_inside_is_for_the_log(
    served: Served, error: Exception, status: int, retry_after: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    served.replace(desk=FailingDesk(error))
    answer = await served.place()
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
    assert answer.headers.get("retry-after") == retry_after
    assert _SECRET not in answer.text
    if status == 500:
        [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert record.__dict__["instance"] == answer.json()["instance"]


async def test_an_address_that_is_not_there_is_not_found(shared: Served) -> None:
    for path in ("/", "/orders/", "/order", "/orders/1/items", "/jobs", "/jobs/order-confirmation"):
        answer = await shared.http.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/orders", "POST"),
        ("/orders/1", "GET"),
        ("/jobs/order-confirmation/1", "DELETE, GET"),
        ("/healthz", "GET"),
        ("/webhooks/payments", "POST"),
    ],
)
async def test_another_method_is_refused_with_those_that_are_allowed(shared: Served, path: str, allowed: str) -> None:
    for method in ("PUT", "PATCH", "OPTIONS", "NONSENSE"):
        answer = await shared.http.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
        assert answer.headers["content-type"] == PROBLEM


async def test_no_answer_is_kept_by_a_cache(shared: Served) -> None:
    for path in ("/orders/0", "/readyz", "/nowhere"):
        assert (await shared.http.get(path)).headers["cache-control"] == "no-store"


async def test_a_body_that_does_not_come_is_not_waited_for(served: Served) -> None:
    served.replace(request_timeout=timedelta(milliseconds=500))
    address = urlsplit(served.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(
        f"POST /orders HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {served.key}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{".encode()
    )
    answer = (await asyncio.wait_for(reader.read(), 30)).decode()
    assert answer.startswith("HTTP/1.1 408")
    assert PROBLEM in answer
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
