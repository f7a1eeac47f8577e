"""The codec server: decrypts what Temporal keeps of jobs, for the Web UI and the `temporal` command. Composition root.

    uvicorn starter.codec_server:app --port 8081

It is configured by `JOBS_ENCRYPTION_*`, `CODEC_*`, `DATABASE_*` and `JOBS_WEB_UI`, read when it starts. It has an app
of its own, so that it can run where few can reach it: who may decrypt is not who may start jobs.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from temporalio.api.common.v1 import Payload
from temporalio.common import MetricMeter
from temporalio.runtime import Runtime

from adapters import configuration, known_secrets, secret_files
from adapters.codec_settings import CodecSettings
from adapters.db.api_keys import SqlApiKeys
from adapters.db.encryption_keys import SqlEncryptionKeys
from adapters.db.engine import make_engine, probe
from adapters.readiness import Need, Readiness
from adapters.settings import DatabaseSettings
from adapters.telemetry import logs
from adapters.telemetry.http_requests import HttpRequests
from adapters.telemetry.metrics import exporting
from domain.errors import JobError, TransientError
from starter.codec.access import Access
from starter.codec.payloads import converted
from starter.codec.sign_in import SignIn
from starter.connection import web_ui_base
from starter.encryption import KEYS, keyring_from
from starter.errors import StarterError
from starter.http.last_resort import LastResort
from starter.http.measured import Measured
from starter.http.problems import Problem, ProblemType, unavailable
from starter.key_check import KeyCheck
from workflows.encryption import Keyring

_log = logging.getLogger(__name__)

_MOST = 16 * 1024 * 1024
"""Bytes of a body: what Temporal holds of a run at most fits in it several times."""
_PROBE_LIMIT = timedelta(seconds=2)

Convert = Callable[[Payload], Payload]


@dataclass(frozen=True)
class _Parts:
    access: Access
    sign_in: SignIn
    keyring: Keyring
    readiness: Readiness
    origins: tuple[str, ...]


def make_app(
    settings: CodecSettings | None = None,
    *,
    database: DatabaseSettings | None = None,
    keyring: Keyring | None = None,
    runtime: Runtime | None = None,
    alone: bool = False,
) -> Starlette:
    """Make the app. What is not given is read from the environment when it starts; nothing connects before.

    `runtime` keeps the metrics. `alone`: nothing else runs in the process, whose log is set up, and where the app makes
    a runtime by itself.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            if alone:
                try:
                    secret_files.read()
                finally:  # the mask knows what was read by then
                    logs.configure(format="json", level="INFO", mask=known_secrets.mask())
            own, its = settings or CodecSettings(), database or DatabaseSettings()
            keys = keyring or keyring_from()
        except ValidationError as exc:
            # Pydantic's text would show the values.
            raise RuntimeError(f"Settings are wrong: {'; '.join(configuration.problems(exc))}") from None
        except secret_files.SecretFileUnusable as exc:
            raise RuntimeError(f"Settings are wrong: {exc}") from None
        if keys is None:
            raise RuntimeError(f"There are no keys: put the workers' into {KEYS}, or the file that {KEYS}_FILE names.")
        kept_by = runtime or (_exporting(own) if alone else None)
        app.state.requests = HttpRequests(MetricMeter.noop if kept_by is None else kept_by.metric_meter)
        engine = make_engine(its, application_name="durable-jobs-codec")
        app.state.parts = _parts(own, keys, engine)
        yield
        app.state.parts = None
        await engine.dispose()

    routes = [
        # Clients may have it below any path, a namespace's name say: only the last part counts.
        Route("/decode", _decode, methods=["POST"]),
        Route("/encode", _encode, methods=["POST"]),
        Route("/{below:path}/decode", _decode, methods=["POST"]),
        Route("/{below:path}/encode", _encode, methods=["POST"]),
        Route("/", _page),
        Route("/sign-in", _sign_in, methods=["POST"]),
        Route("/sign-out", _sign_out, methods=["POST"]),
        Route("/healthz", _healthz),
        Route("/readyz", _readyz),
    ]
    return Starlette(
        routes=routes,
        # The rules for other sites are around all that answers, so that the Web UI can read what went wrong, too.
        middleware=[Middleware(Measured, routes=routes), Middleware(_Cors), Middleware(LastResort)],
        exception_handlers={Problem: _problem, TransientError: _away},
        lifespan=lifespan,
    )


def _exporting(settings: CodecSettings) -> Runtime:
    try:
        runtime, address = exporting(settings.metrics_host, settings.metrics_port)
    except OSError as exc:
        raise RuntimeError(f"{exc}. Set CODEC_METRICS_HOST or CODEC_METRICS_PORT to another one.") from exc
    _log.info("Metrics can be read", extra={"action": "start", "metrics": address})
    return runtime


def _parts(settings: CodecSettings, keyring: Keyring, engine: AsyncEngine) -> _Parts:
    check = KeyCheck(SqlEncryptionKeys(engine), keyring)

    async def database() -> str:
        return f"PostgreSQL {await probe(engine)}, schema up to date"

    readiness = Readiness()
    readiness.run(
        [
            Need("database", database, limit=_PROBE_LIMIT),
            Need("encryption", check.look, (StarterError, JobError), _PROBE_LIMIT),
        ]
    )
    origins = settings.all_origins(web_ui_base())
    access = Access(
        SqlApiKeys(engine),
        # The first key signs; sessions that another one has signed go on.
        secrets=[keyring.derive(b"durable-jobs codec session", key_id) for key_id in reversed(keyring.ids)],
        session=settings.session,
        origins=origins,
    )
    return _Parts(access, SignIn(access, cross_site=settings.cross_site), keyring, readiness, origins)


def _of(request: Request) -> _Parts:
    return cast("_Parts", request.app.state.parts)


async def _convert(request: Request, convert: Convert) -> Response:
    visitor = await _of(request).access.allowed(request)
    answer, changed = converted(await _body(request), convert)
    about = {
        "action": request.url.path.rpartition("/")[2],
        "by": visitor.key.name,
        "key": visitor.key.id,
        "payloads": changed,
        "namespace": request.headers.get("x-namespace", "")[:200],
    }
    _log.info("Payloads were converted", extra=about)
    return Response(answer, media_type="application/json")


async def _decode(request: Request) -> Response:
    return await _convert(request, _of(request).keyring.decrypt)


async def _encode(request: Request) -> Response:
    return await _convert(request, _of(request).keyring.encrypt)


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > _MOST:
                told = f"The body is larger than {_MOST} bytes, which is the most that is taken."
                raise Problem(ProblemType.body_too_large, told, headers={"Connection": "close"})
    except ClientDisconnect:
        raise Problem(ProblemType.malformed_request, "The body broke off.") from None
    return bytes(body)


async def _page(request: Request) -> Response:
    return await _of(request).sign_in.page(request)


async def _sign_in(request: Request) -> Response:
    return await _of(request).sign_in.sign_in(request)


async def _sign_out(request: Request) -> Response:
    return await _of(request).sign_in.sign_out(request)


async def _healthz(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _readyz(request: Request) -> Response:
    ready, told = await _of(request).readiness.report()
    needs = {name: need["met"] for name, need in told["needs"].items()}
    return JSONResponse({"ready": ready, **needs}, 200 if ready else 503)


async def _problem(_: Request, exc: Any) -> Response:
    problem: Problem = exc
    return problem.response()


async def _away(_: Request, exc: Any) -> Response:
    error: TransientError = exc
    _log.warning("A request could not be served", extra={"action": "unavailable", "why": error.message})
    return unavailable("The database, which has the API keys, cannot be used for now. Ask again.").response()


class _Cors:
    """Lets the Web UI's pages ask, whose addresses are known once the app has started."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        parts: _Parts = scope["app"].state.parts
        cors = CORSMiddleware(
            self._app,
            allow_origins=parts.origins,
            allow_methods=["POST"],
            allow_headers=["*"],
            allow_credentials=True,
            # A Web UI on the internet may ask a server that only those within reach.
            allow_private_network=True,
        )
        await cors(scope, receive, send)


app = make_app(alone=True)
