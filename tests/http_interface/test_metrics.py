"""Requests are counted and timed by their route, whichever layer answers them, and told where nobody else looks."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from adapters.telemetry.http_requests import HttpRequests
from adapters.telemetry.metrics import NoPortFree, exporting
from demo.ports import free_port
from starter.http.middleware import BodyLimit, Deadline, LastResort, Measured
from tests.callback_signing import ANOTHER_SECRET, body_of, signed
from tests.docs.house import ROOT
from tests.http_interface.scraped import requests, scraped, text_of
from tests.http_interface.serving import CALLBACKS, nowhere, serve, serving


async def test_requests_are_counted_by_the_template_of_their_route_and_nothing_that_they_bring_is_told(
    database: str,
) -> None:
    runtime, metrics = exporting("127.0.0.1", free_port())
    async with serve(database, await nowhere(), runtime=runtime) as served:
        order = (await served.place()).json()["id"]
        for path in (f"/orders/{order}", "/orders/987654321", "/jobs/order-confirmation/987654321", "/nowhere/to/find"):
            await served.http.get(path)
        await served.http.get("/orders/1", headers={"Authorization": "Bearer dj_a-secret"})
        await served.http.request("BREW", "/orders/987654321")
        await served.http.post("/orders", content=bytes(65537))
        assert (await served.http.get("/metrics")).status_code == 404
        await served.http.get("/healthz")
        counted, text = await requests(metrics), await text_of(metrics)

    assert counted == {
        ("POST", "/orders", "202", ""): 1,
        ("GET", "/orders/{order_id}", "200", ""): 1,
        ("GET", "/orders/{order_id}", "404", ""): 1,
        ("GET", "/jobs/{kind}/{id:path}", "503", "503"): 1,
        ("GET", "unmatched", "404", ""): 2,
        ("GET", "/orders/{order_id}", "401", ""): 1,
        ("_OTHER", "/orders/{order_id}", "405", ""): 1,
        # Refused by its length, before it was led to a route.
        ("POST", "/orders", "413", ""): 1,
        ("GET", "/healthz", "200", ""): 1,
    }
    assert not [
        told for told in ("987654321", "secret", "BREW", "nowhere", "Ada", "Teapot", served.key) if told in text
    ]


async def test_callbacks_are_counted_by_what_becomes_of_them_and_the_page_names_all_that_is_told(database: str) -> None:
    runtime, metrics = exporting("127.0.0.1", free_port())
    assert CALLBACKS.secrets is not None
    secret = CALLBACKS.secrets.get_secret_value()
    async with serve(database, await nowhere(), runtime=runtime) as served:
        before = (await scraped(metrics))["jobs_payment_callbacks_total"]
        for callback in (
            *(signed("standard", secret=secret),) * 3,
            signed("standard", body_of("standard", amount=1), secret=secret),
            signed("standard", secret=ANOTHER_SECRET),
            signed("standard", "{}", secret=secret),
        ):
            await served.http.post("/webhooks/payments", content=callback.body, headers=callback.raw_headers)
        after, text = (await scraped(metrics))["jobs_payment_callbacks_total"], await text_of(metrics)

    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    of_interface = page.partition("### Metrics of the HTTP interface")[2].partition("## Settings")[0]
    named = re.findall(r"^\| `(\w+)` \|", of_interface, re.MULTILINE)
    assert set(re.findall(r"^# TYPE ((?:jobs|http)_\w+) ", text, re.MULTILINE)) == set(named)
    outcomes = ("accepted", "repeated", "different", "refused", "unreadable")
    assert before == {frozenset({("outcome", outcome)}): 0 for outcome in outcomes}
    assert [after[frozenset({("outcome", outcome)})] for outcome in outcomes] == [1, 2, 1, 1, 1]


class Answers:
    """An app with all our layers, whose routes do what goes wrong."""

    def __init__(self) -> None:
        self.runtime, self.metrics = exporting("127.0.0.1", free_port())
        self.waiting, self.go_on = asyncio.Event(), asyncio.Event()
        routes = [
            Route("/raises", self.raises),
            Route("/waits", self.waits),
            Route("/breaks", self.breaks),
            Route("/streams/{id}", self.streams),
            Route("/body", self.body, methods=["POST"]),
        ]
        measured = Middleware(Measured, routes=routes)
        self.app = Starlette(
            routes=routes,
            middleware=[measured, Middleware(LastResort), Middleware(Deadline), Middleware(BodyLimit)],
        )
        self.app.state.requests = HttpRequests(self.runtime.metric_meter)
        self.limit(60)

    def limit(self, seconds: float) -> None:
        self.app.state.parts = SimpleNamespace(request_timeout=timedelta(seconds=seconds), body_limit=9)

    async def raises(self, _: Request) -> Response:
        raise KeyError("a bug")

    async def waits(self, _: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError("never")

    async def breaks(self, _: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"a piece"
            raise KeyError("a bug")

        return StreamingResponse(pieces())

    async def streams(self, _: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"a piece"
            self.waiting.set()
            await self.go_on.wait()

        return StreamingResponse(pieces())

    async def body(self, request: Request) -> Response:
        return Response(await request.body())


async def test_answers_of_every_layer_are_seen_also_those_that_break_off() -> None:
    answers = Answers()
    async with serving(answers.app) as address, httpx.AsyncClient(base_url=address, trust_env=False) as http:
        assert (await http.get("/raises")).status_code == 500
        assert (await http.post("/body", content=b"more than nine")).status_code == 413
        with contextlib.suppress(httpx.RemoteProtocolError):
            await http.get("/breaks")
        streamed = asyncio.create_task(http.get("/streams/987654321"))
        await answers.waiting.wait()
        during = await scraped(answers.metrics)
        answers.go_on.set()
        await streamed
        after = await scraped(answers.metrics)
        answers.limit(0.1)
        assert (await http.get("/waits")).status_code == 503
        counted = await requests(answers.metrics)

    assert counted == {
        ("GET", "/raises", "500", "500"): 1,
        ("POST", "/body", "413", ""): 1,
        ("GET", "/breaks", "200", "broken_off"): 1,
        ("GET", "/streams/{id}", "200", ""): 1,
        ("GET", "/waits", "503", "503"): 1,
    }
    active = "http_server_active_requests"
    assert [list(each[active].values()) for each in (during, after)] == [[1.0], [0.0]]


async def test_processes_that_are_started_alike_tell_at_ports_after_each_other() -> None:
    first, address = exporting("127.0.0.1", free_port())
    port = int(address.rpartition(":")[2].partition("/")[0])
    second, other = exporting("127.0.0.1", port)
    HttpRequests(first.metric_meter).begin()
    HttpRequests(second.metric_meter)

    assert port < int(other.rpartition(":")[2].partition("/")[0]) <= port + 15
    told = [(await scraped(each))["http_server_active_requests"] for each in (address, other)]
    assert [list(each.values()) for each in told] == [[1.0], [0.0]]


def test_metrics_that_nobody_could_read_are_told_at_the_start() -> None:
    with socket.socket() as taken:
        with contextlib.suppress(OSError):  # by somebody else, which does as well
            taken.bind(("127.0.0.1", 65535))
            taken.listen()
        with pytest.raises(NoPortFree, match=r"65535 .* are taken"):
            exporting("127.0.0.1", 65535)
    with pytest.raises(OSError, match=r"cannot be served at 192\.0\.2\.1"):
        exporting("192.0.2.1", 9464)
