"""Runs a relay in a process of its own."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from datetime import timedelta

from adapters.db import engine as database
from adapters.db.outbox_relay import SqlOutbox
from adapters.process import FAILED
from adapters.readiness import Need, Readiness
from adapters.settings import Settings
from adapters.stopping import Stop
from adapters.telemetry.depths import OutboxDepth
from adapters.telemetry.http import Endpoints
from adapters.telemetry.metrics import Metrics
from domain.errors import JobError
from starter.cli.output import Output
from starter.connection import check_namespace, connect
from starter.errors import StarterError
from starter.relay import Relay
from workflows.registry import Registry

_log = logging.getLogger("relay")

_STOP_WITHIN = timedelta(seconds=10)
"""For what is being started, which Temporal may be slow to answer."""


async def relay(settings: Settings, kinds: Registry, after: timedelta, port: int | None, until: Output | None) -> int:
    """Run it; with `until`, end when the outbox is empty, and say so there."""
    stop = Stop(_STOP_WITHIN, status_when_late=FAILED)
    async with AsyncExitStack() as stack:
        metrics, readiness = Metrics(), Readiness()
        stack.push_async_callback(metrics.close)
        own = settings.outbox
        engine = database.make_engine(
            settings.database.model_copy(update={"connections": own.batches + 2}),
            application_name="durable-jobs-relay",
        )
        stack.push_async_callback(engine.dispose)
        client = await connect(lazy=True, runtime=metrics.runtime)
        outbox = SqlOutbox(engine, settings.database, alert_window=settings.alerts.window)
        relay = Relay(outbox, client, kinds, batches=own.batches, batch=own.batch, rate=own.rate, patience=after)

        async def temporal() -> str:
            await check_namespace(client)
            return f"{client.service_client.config.target_host}, namespace {client.namespace}"

        async def reached() -> str:
            return f"PostgreSQL {await database.probe(engine)}"

        needs = [Need("temporal", temporal, (StarterError,)), Need("database", reached)]
        parts = [asyncio.create_task(relay.run(), name="relay")]
        address = ""
        if port is not None:
            endpoints = await stack.enter_async_context(Endpoints(settings.worker.http_host, port, metrics, readiness))
            parts.append(asyncio.create_task(OutboxDepth(metrics, outbox).keep_up(), name="outbox depth"))
            parts.append(endpoints.serving)
            address = endpoints.address
        readiness.run(needs)
        _log.info("The relay starts jobs of the outbox", extra={"action": "start", "http": address})
        ends = asyncio.create_task(stop.told())
        emptied = asyncio.create_task(_emptied(outbox)) if until else None
        await asyncio.wait({*parts, ends, *([emptied] if emptied else [])}, return_when=asyncio.FIRST_COMPLETED)
        ended = [part for part in parts if part.done()]
        for part in ended:
            _log.error("Part of the relay ended unasked", extra={"part": part.get_name()}, exc_info=part.exception())
        stop.now("part of the relay ended" if ended else "the outbox is empty")
        await relay.stop(_STOP_WITHIN)
        for part in parts:
            part.cancel()
        if until and emptied and emptied.done():
            refused = emptied.result()
            until.document({"waiting": 0, "refused": refused, "error": None})
            until.say(
                f"No job waits in the outbox; {refused} are refused" + (" (`jobs outbox list`)." if refused else ".")
            )
    return FAILED if ended else 0


async def _emptied(outbox: SqlOutbox) -> int:
    """Return when nothing waits any more: the number of refused entries."""
    while True:
        try:
            backlog = await outbox.backlog()
        except JobError:
            pass  # the relay says it
        else:
            if not backlog.waiting:
                return backlog.refused
        await asyncio.sleep(0.2)
