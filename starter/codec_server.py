"""The codec server: decrypts what Temporal keeps of jobs, for the Web UI and the `temporal` command. Composition root.

    uvicorn starter.codec_server:app --port 8081

It is configured by `JOBS_ENCRYPTION_*`, `CODEC_*`, `DATABASE_*` and `JOBS_WEB_UI`, read when it starts. It has an app
of its own, so that it can run where few can reach it: who may decrypt is not who may start jobs.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from google.protobuf.json_format import MessageToJson, Parse, ParseError
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.common import MetricMeter
from temporalio.runtime import Runtime

from adapters import configuration, known_secrets, secret_files
from adapters.db.api_keys import SqlApiKeys
from adapters.db.engine import make_engine, probe
from adapters.job_settings import CodecSettings
from adapters.readiness import Need, Readiness
from adapters.settings import DatabaseSettings
from adapters.telemetry import logs
from adapters.telemetry.http_requests import HttpRequests
from adapters.telemetry.metrics import exporting
from domain.encryption_keys import WHERE
from domain.errors import TransientError
from starter.codec_access import Access
from starter.connection import web_ui_base
from starter.encryption import keyring_from
from starter.http.middleware import LastResort, Measured
from starter.http.problems import Problem, ProblemType, unavailable
from workflows.data_converter import EncryptionKeyMissing
from workflows.encryption import Keyring

_log = logging.getLogger(__name__)

_MAX_BODY = 16 * 1024 * 1024
"""Bytes. What Temporal holds of a run at most fits in it several times."""
_PROBE_LIMIT = timedelta(seconds=2)


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
    origins: set[str] = set()

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
            raise RuntimeError(f"There are no keys: put the workers' into {WHERE}.")
        kept_by = runtime or (_exporting(own) if alone else None)
        origins.update(own.all_origins(web_ui_base()))
        engine = make_engine(its, application_name="durable-jobs-codec")

        async def postgres() -> str:
            return f"PostgreSQL {await probe(engine)}, schema up to date"

        state = app.state
        state.requests = HttpRequests(MetricMeter.noop if kept_by is None else kept_by.metric_meter)
        state.keyring, state.readiness = keys, Readiness()
        state.readiness.run([Need("database", postgres, limit=_PROBE_LIMIT)])
        state.access = Access(
            SqlApiKeys(engine),
            # The first key signs; sessions that another one has signed go on.
            secrets=keys.derive(b"durable-jobs codec session")[::-1],
            session=own.session,
            origins=origins,
            cross_site=own.cross_site,
        )
        yield
        await engine.dispose()

    routes = [
        # Clients may have it below any path, a namespace's name say: only the last part counts.
        Route("/decode", _decode, methods=["POST"]),
        Route("/encode", _encode, methods=["POST"]),
        Route("/{below:path}/decode", _decode, methods=["POST"]),
        Route("/{below:path}/encode", _encode, methods=["POST"]),
        Route("/", _by_access(Access.page)),
        Route("/sign-in", _by_access(Access.sign_in), methods=["POST"]),
        Route("/sign-out", _by_access(Access.sign_out), methods=["POST"]),
        Route("/healthz", _healthz),
        Route("/readyz", _readyz),
    ]
    cors = Middleware(
        CORSMiddleware,
        allow_origins=origins,  # filled at the start
        allow_methods=["POST"],
        allow_headers=["*"],
        allow_credentials=True,
        # A Web UI on the internet may ask a server that is in a private network.
        allow_private_network=True,
    )
    return Starlette(
        routes=routes,
        # The rules for other sites are around all that answers, so that the Web UI can read what went wrong, too.
        middleware=[
            Middleware(Measured, routes=routes),
            cors,
            Middleware(LastResort),
            Middleware(RequestBodyLimitMiddleware, max_body_size=_MAX_BODY),
        ],
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


async def _decode(request: Request) -> Response:
    return await _convert(request, request.app.state.keyring.decrypt)


async def _encode(request: Request) -> Response:
    return await _convert(request, request.app.state.keyring.encrypt)


async def _convert(request: Request, convert: Callable[[Payload], Payload]) -> Response:
    key = await request.app.state.access.allowed(request)
    try:
        asked = Parse((await request.body()).decode(), Payloads())
    except (ClientDisconnect, ParseError, UnicodeDecodeError):
        # Without the text, which quotes the body.
        raise Problem(ProblemType.malformed_request, 'Send JSON of the form {"payloads": […]}.') from None
    answer, changed = Payloads(), 0
    for payload in asked.payloads:
        try:
            converted = convert(payload)
        except EncryptionKeyMissing as exc:
            # It stays as it is: the others are to be seen all the same.
            _log.warning(exc.message, extra={"action": "decode"})
            converted = payload
        changed += converted is not payload
        answer.payloads.append(converted)
    about = {
        "action": request.url.path.rpartition("/")[2],
        "by": key.name,
        "key": key.id,
        "payloads": changed,
        "namespace": request.headers.get("x-namespace", "")[:200],
    }
    _log.info("Payloads were converted", extra=about)
    return Response(MessageToJson(answer, indent=None), media_type="application/json")


def _by_access(respond: Callable[[Access, Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await respond(request.app.state.access, request)

    return endpoint


async def _healthz(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _readyz(request: Request) -> Response:
    ready, report = await request.app.state.readiness.report()
    needs = {name: need["met"] for name, need in report["needs"].items()}
    return JSONResponse({"ready": ready, **needs}, 200 if ready else 503)


async def _problem(_: Request, exc: Any) -> Response:
    problem: Problem = exc
    return problem.response()


async def _away(_: Request, exc: Any) -> Response:
    error: TransientError = exc
    _log.warning("A request could not be served", extra={"action": "unavailable", "why": error.message})
    return unavailable("The database, which has the API keys, cannot be used for now. Ask again.").response()


app = make_app(alone=True)
