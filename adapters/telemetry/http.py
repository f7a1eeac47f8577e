"""`/metrics`, `/healthz` and `/readyz` of one process, in the event loop of its jobs."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from adapters.readiness import Readiness
from adapters.telemetry.metrics import CONTENT_TYPE, Metrics


class PortTaken(OSError):
    """Another program listens where this process was told to."""


class Endpoints:
    """The HTTP server, which serves while it is entered.

    `serving` is its task, which ends before that only where something went wrong.
    """

    serving: asyncio.Task[None]

    def __init__(self, host: str, port: int, metrics: Metrics, readiness: Readiness) -> None:
        """Take the port; 0 takes any free one. Raises PortTaken, which says what to do."""
        self._metrics = metrics
        self._readiness = readiness
        self._socket = _bound(host, port)
        self.address = f"http://{host}:{self._socket.getsockname()[1]}"
        app = Starlette(
            routes=[
                Route("/metrics", self._metrics_text),
                Route("/healthz", self._alive),
                Route("/readyz", self._ready),
            ]
        )
        self._server = _Server(
            uvicorn.Config(
                app,
                log_config=None,  # ours is set up
                log_level="warning",
                access_log=False,
                lifespan="off",
                server_header=False,
                ws="none",
                timeout_graceful_shutdown=1,
            )
        )

    async def __aenter__(self) -> Self:
        self.serving = asyncio.create_task(self._server.serve(sockets=[self._socket]), name="http")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.should_exit = True
        await asyncio.wait({self.serving})

    async def _alive(self, _: Request) -> Response:
        # That it answers is the answer: the loop of the jobs turns.
        return PlainTextResponse("ok\n")

    async def _ready(self, _: Request) -> Response:
        ready, details = await self._readiness.report()
        return JSONResponse({"ready": ready, **details}, status_code=200 if ready else 503)

    async def _metrics_text(self, _: Request) -> Response:
        return Response(await self._metrics.text(), media_type=CONTENT_TYPE)


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the worker, which drains first."""
        yield


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    # A restarted process must not wait for the connections of the one before it to be forgotten.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as exc:
        listening.close()
        why = "is taken by another program" if exc.errno == errno.EADDRINUSE else f"cannot be used ({exc.strerror})"
        raise PortTaken(
            f"{host}:{port} {why}: set WORKER_HTTP_PORT to another port, or to 0 for any free one, or WORKER_HTTP_HOST"
        ) from exc
    return listening
