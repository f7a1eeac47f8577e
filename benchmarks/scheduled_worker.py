"""A worker for what schedules start, in the benchmark's own process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from benchmarks.ground import Ground
from workflows.hosting import job_worker
from workflows.registry import registry


@asynccontextmanager
async def maintenance_worker(on: Ground, ports: Mapping[type, object]) -> AsyncIterator[None]:
    """Serve those kinds of the queue whose ports are given."""
    kinds = [kind for kind in registry if set(kind.ports_asked().values()) <= ports.keys()]
    async with job_worker(on.client, "maintenance", kinds, ports, sandbox=False):
        yield
