"""The HTTP interface. Composition root: settings → adapters → routes.

    uvicorn starter.api:app --port 8080

It is configured by `API_*`, `DATABASE_*`, `TEMPORAL_*`, `PAYMENT_CALLBACK_*`, `ALERT_WINDOW`, `REPORTS_*` and `AWS_*`,
read when it starts. It starts with PostgreSQL, Temporal or the storage of reports away, and serves as soon as they are
there. Metrics are read at a port of their own, `API_METRICS_PORT`, which is not to be reached from outside.
"""

from __future__ import annotations

import gc
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from importlib.metadata import version

from fastapi import FastAPI
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.middleware import Middleware
from temporalio.client import Client
from temporalio.common import MetricMeter
from temporalio.runtime import Runtime

from adapters import configuration, known_secrets, secret_files
from adapters.db.alerts import SqlAlerts
from adapters.db.api_keys import SqlApiKeys
from adapters.db.engine import make_engine, probe
from adapters.db.enqueued_jobs import SqlEnqueuedJobs
from adapters.db.orders import SqlOrders
from adapters.db.payment_events import PaymentEvents
from adapters.db.placing import SqlOrderDesk
from adapters.db.report_desk import SqlReportDesk
from adapters.job_settings import AlertSettings
from adapters.payments.callbacks import callbacks_of
from adapters.process import settle
from adapters.readiness import Need
from adapters.reports.links import SignedLinks
from adapters.reports.storage import storage_of
from adapters.settings import ApiSettings, AwsSettings, DatabaseSettings, PaymentCallbackSettings, ReportSettings
from adapters.telemetry.http_requests import CallbackCounts, HttpRequests
from adapters.telemetry.metrics import exporting
from domain.errors import InvalidRequest
from starter.connection import check_namespace, connect
from starter.errors import StarterError
from starter.http import health, jobs, openapi, orders, payment_callbacks, report_files, reports
from starter.http.errors import handle_errors
from starter.http.gate import Gate
from starter.http.health import Health
from starter.http.middleware import BodyLimit, Deadline, LastResort, Measured
from starter.http.parts import Parts
from starter.http.report_access import hide_tokens
from starter.jobs import Jobs
from workflows.registry import registry

_PROBE_LIMIT = timedelta(seconds=2)

_CANCELLING = 2
"""Connections for those that are held while Temporal answers, so that orders need not wait for that."""

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class _Settings:
    api: ApiSettings
    database: DatabaseSettings
    callbacks: PaymentCallbackSettings
    reports: ReportSettings
    alerts: AlertSettings
    aws: AwsSettings


def make_app(
    settings: ApiSettings | None = None,
    *,
    database: DatabaseSettings | None = None,
    callbacks: PaymentCallbackSettings | None = None,
    report_settings: ReportSettings | None = None,
    client: Client | None = None,
    runtime: Runtime | None = None,
    alone: bool = False,
) -> FastAPI:
    """Make the app. What is not given is read from the environment when it starts; nothing connects before.

    `runtime` keeps the metrics. `alone`: nothing else runs in the process, whose garbage collector is told so, and
    where the app makes a runtime by itself.
    """

    def read() -> _Settings:
        return _Settings(
            settings or ApiSettings(),
            database or DatabaseSettings(),
            callbacks or PaymentCallbackSettings(),
            report_settings or ReportSettings(),
            AlertSettings(),
            AwsSettings(),
        )

    routers = (
        payment_callbacks.router,
        orders.router,
        reports.router,
        report_files.router,
        jobs.router,
        health.router,
    )
    app = FastAPI(
        title="durable-jobs",
        version=version("durable-jobs"),
        lifespan=_lifespan(read, client, runtime, alone=alone),
        middleware=[
            Middleware(Measured, routes=[route for router in routers for route in router.routes]),
            Middleware(LastResort),
            Middleware(Deadline),
            Middleware(BodyLimit),
        ],
        # Their pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.openapi = partial(openapi.describe, app)  # type: ignore[method-assign]  # FastAPI's own way to do this
    for router in routers:
        app.include_router(router)
    handle_errors(app, routers)
    return app


def _lifespan(
    read: Callable[[], _Settings], client: Client | None, runtime: Runtime | None, *, alone: bool
) -> Lifespan:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        hide_tokens()
        async with AsyncExitStack() as stack:
            try:
                secret_files.read()
                if alone:
                    known_secrets.mask_handlers(known_secrets.mask())
                settings = read()
            except ValidationError as exc:
                # Pydantic's text would show the values.
                raise RuntimeError(f"Settings are wrong: {'; '.join(configuration.problems(exc))}") from None
            except secret_files.SecretFileUnusable as exc:
                raise RuntimeError(f"Settings are wrong: {exc}") from None
            registry.load_installed()
            kept_by = runtime or (_exporting(settings.api) if alone else None)
            meter = MetricMeter.noop if kept_by is None else kept_by.metric_meter
            app.state.requests = HttpRequests(meter)
            app.state.parts = await _parts(stack, settings, client, kept_by, CallbackCounts(meter))
            if alone:
                # A quarter of the time that requests take would go to looking through all modules, again and again.
                settle()
            yield
        app.state.parts = None
        # The SDK's threads must not meet its objects at the interpreter's end.
        if alone:
            gc.unfreeze()
        gc.collect()

    return lifespan


def _exporting(settings: ApiSettings) -> Runtime:
    try:
        runtime, address = exporting(settings.metrics_host, settings.metrics_port)
    except OSError as exc:
        raise RuntimeError(f"{exc}. Set API_METRICS_HOST or API_METRICS_PORT to another one.") from exc
    # By the one whose lines are shown where nobody has set the log up.
    logging.getLogger("uvicorn.error").info("Metrics are at %s", address)
    return runtime


async def _parts(
    stack: AsyncExitStack, settings: _Settings, client: Client | None, runtime: Runtime | None, counts: CallbackCounts
) -> Parts:
    def engine(name: str, connections: int) -> AsyncEngine:
        its = settings.database.model_copy(update={"connections": connections})
        made = make_engine(its, application_name=f"durable-jobs-{name}")
        stack.push_async_callback(made.dispose)
        return made

    try:
        storage = storage_of(settings.reports, settings.aws)
    except InvalidRequest as exc:
        raise RuntimeError(f"Settings are wrong: {exc.message}") from exc
    shared, probed = engine("api", settings.database.connections), engine("probe", 1)
    client = client or await connect(lazy=True, identity=f"api@{socket.gethostname()}", runtime=runtime)

    async def temporal() -> str:
        await check_namespace(client)
        return f"{client.service_client.config.target_host}, namespace {client.namespace}"

    async def postgres() -> str:
        return f"PostgreSQL {await probe(probed)}, schema up to date"

    looked = Health(
        Need("database", postgres, limit=_PROBE_LIMIT), Need("temporal", temporal, (StarterError,), _PROBE_LIMIT)
    )
    stack.push_async_callback(looked.close)
    return Parts(
        desk=SqlOrderDesk(shared, kept=settings.api.idempotency_kept),
        orders=SqlOrders(shared),
        reports=SqlReportDesk(shared, kept=settings.api.idempotency_kept),
        report_files=storage,
        report_links=SignedLinks(settings.reports),
        enqueued=SqlEnqueuedJobs(shared, held=engine("cancel", _CANCELLING)),
        gate=Gate(SqlApiKeys(shared)),
        jobs=Jobs(client),
        kinds=registry,
        health=looked,
        callbacks=callbacks_of(settings.callbacks),
        callback_counts=counts,
        payment_events=PaymentEvents(shared),
        alerts=SqlAlerts(shared, window=settings.alerts.window),
        body_limit=settings.api.body_limit,
        request_timeout=timedelta(seconds=settings.api.request_timeout),
    )


app = make_app(alone=True)
