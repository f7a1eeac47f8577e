"""The worker: takes jobs from Temporal and does them. Composition root: settings → adapters → activities → workers.

    python worker.py                            all queues, one process
    python worker.py --queues notifications     these queues alone
    python worker.py --processes 4              four processes; one uses about one core
    python worker.py --check                    show the configuration, and probe everything that it names

Exit status: 0 after a drain, 1 where it could not start, 2 for wrong options or settings, 70 where it failed later.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import NoReturn

from pydantic import ValidationError
from temporalio.client import Client
from temporalio.common import WorkerDeploymentVersion
from temporalio.worker import PollerBehaviorAutoscaling, Worker

from adapters import configuration, known_secrets, secret_files
from adapters.job_settings import WorkerSettings
from adapters.outside import Misconfigured, Outside
from adapters.process import CANNOT_START, FAILED, MISCONFIGURED, leave, settle
from adapters.readiness import Need, Readiness, Unmet
from adapters.settings import Settings
from adapters.stopping import Stop, drain
from adapters.supervisor import Supervisor
from adapters.telemetry import logs
from adapters.telemetry.depths import DeadLetterCount, OutboxDepth, QueueDepth
from adapters.telemetry.http import Endpoints
from adapters.telemetry.metrics import Metrics
from starter import encryption, schedules
from starter.connection import web_ui_base
from starter.deployments import DeploymentWatch
from starter.errors import InvalidStart, StarterError
from starter.pauses import PauseWatch
from starter.probing import TemporalProbe
from starter.relay import Relay
from starter.scheduling.declared import ScheduleDeclarationError
from starter.scheduling.watch import ScheduleWatch
from starter.worker_check import check, check_limited_queues, chosen_queues, options, temporal_ports, version_of
from workflows.hosting import MissingPort, job_worker
from workflows.limits import TimeLimitsContradict, check_time_limits, slots_of
from workflows.pausing import Pauses
from workflows.registry import RegistryError, registry

_log = logging.getLogger("worker")

_CONNECT_LIMIT = timedelta(seconds=3)
"""For Temporal to take a connection; the SDK tries for as long as it may."""
_START_LIMIT = timedelta(seconds=10)
_PROBE_LIMIT = timedelta(seconds=2)
"""How long a probe may take: at the start, and while running, when those who ask `/readyz` won't wait longer."""


def make_workers(
    client: Client,
    queues: Sequence[str],
    outside: Outside,
    settings: WorkerSettings,
    pauses: Pauses | None = None,
) -> list[Worker]:
    """One worker a queue."""
    served = [kind for kind in registry if kind.queue in queues]
    version = version_of(settings)

    def one(queue: str) -> Worker:
        # More than that waits at the server, where other workers can have it and the queue's depth shows it, and not in
        # here for a connection of a pool.
        rate = settings.rates_by_queue.get(queue)
        most = settings.slots_by_queue.get(queue, settings.slots)
        slots = slots_of(queue, served, most=most, at_once=outside.at_once, rate=rate)
        return job_worker(
            client,
            queue,
            registry,
            outside.ports,
            drain=settings.drain,
            sandbox=settings.sandbox,
            rate=rate,
            pauses=pauses,
            version=None if version is None else WorkerDeploymentVersion(version.deployment, version.build_id),
            # A job's task holds its slot until its local steps are done: the first number is how many jobs are at work.
            max_concurrent_workflow_tasks=slots.tasks,
            # A poll holds a slot as well, and a start that finds none is not eager: after a busy hour the SDK would
            # have so many polls that no start was.
            workflow_task_poller_behavior=PollerBehaviorAutoscaling(initial=2, maximum=max(2, slots.tasks // 4)),
            max_concurrent_local_activities=slots.steps,
            max_concurrent_activities=slots.steps,
            # Jobs that wait for their next attempt are kept in memory, the rest is replayed from history when it goes
            # on. Those that succeed at once, as most do, leave with their only task.
            max_cached_workflows=settings.cached_jobs,
            # For kinds whose steps are plain functions. Its threads start with the first of them.
            activity_executor=ThreadPoolExecutor(slots.steps, thread_name_prefix=f"steps-{queue}"),
        )

    return [one(queue) for queue in queues]


async def serve(settings: Settings, queues: Sequence[str], index: int, parent: int | None) -> int:
    """Run one process until it is told to stop; returns the exit status. Raises Misconfigured, OSError."""
    own = settings.worker
    stop = Stop(own.drain, status_when_late=FAILED)
    if parent is not None:
        stop.when_parent_ends(parent)
    async with AsyncExitStack() as stack:
        outside = Outside(settings, web_ui=web_ui_base())
        stack.push_async_callback(outside.close)
        check_time_limits([kind for kind in registry if kind.queue in queues], outside.limits)
        timetable = schedules.declared(registry, time_zone=settings.schedules.time_zone)
        metrics, readiness = Metrics(), Readiness()
        stack.push_async_callback(metrics.close)
        port = own.http_port + index if own.http_port else 0
        endpoints = await stack.enter_async_context(Endpoints(own.http_host, port, metrics, readiness))
        told = asyncio.create_task(stop.told(), name="stop")

        converter = encryption.configured()  # wrong keys end the process at once
        temporal = TemporalProbe(within=_CONNECT_LIMIT, runtime=metrics.runtime, data_converter=converter)
        outside.ports |= temporal_ports(lambda: temporal.client)
        needs = [Need("temporal", temporal.set_up, (StarterError,), _START_LIMIT), Need("database", outside.database)]
        start = asyncio.create_task(readiness.wait_for(needs, own.startup_wait, _log.warning), name="start")
        await asyncio.wait({start, told}, return_when=asyncio.FIRST_COMPLETED)
        if told.done():
            start.cancel()
            return 0
        if unmet := start.result():
            waited = f"{own.startup_wait.total_seconds():g} s (WORKER_STARTUP_WAIT)"
            _log.error("Gave up after %s: %s", waited, " ".join(finding.text for finding in unmet))
            return CANNOT_START

        pauses = Pauses()
        pause_watch = PauseWatch(temporal.client, pauses)
        await pause_watch.look()
        workers = make_workers(temporal.client, queues, outside, own, pauses)
        settle()
        watch = ScheduleWatch(metrics, temporal.client, timetable, settings.schedules.owner)
        dead = DeadLetterCount(metrics, outside.letters, [kind.name for kind in registry if kind.queue in queues])
        running = {f"queue {worker.task_queue}": worker.run() for worker in workers}
        running |= {"watch of pauses": pause_watch.keep_up(), "watch of schedules": watch.keep_up()}
        running |= {"queue depth": QueueDepth(metrics, temporal.client, queues).keep_up()}
        running |= {"count of dead letters": dead.keep_up()}
        deployment = None
        if (version := version_of(own)) is not None:
            deployment = DeploymentWatch(temporal.client, version)
            running |= {"watch of the deployment": deployment.keep_up()}
        relay = None
        if settings.outbox.relay:
            relay = Relay(
                outside.outbox,
                temporal.client,
                registry,
                queues=queues,
                batches=settings.outbox.batches,
                batch=settings.outbox.batch,
                rate=settings.outbox.rate,
                eager=lambda: deployment is None or deployment.takes_all,
            )
            running |= {"relay of the outbox": relay.run()}
            running |= {"outbox depth": OutboxDepth(metrics, outside.outbox).keep_up()}
        parts = [asyncio.create_task(part, name=name) for name, part in running.items()]
        readiness.run(
            [
                Need("temporal", temporal.server, (StarterError,), _PROBE_LIMIT),
                Need("database", outside.database, limit=_PROBE_LIMIT),
                Need("pollers", partial(polling, workers)),
                *([] if deployment is None else [Need("deployment", deployment.report, (StarterError,), _PROBE_LIMIT)]),
            ]
        )
        about = {"action": "start", "queues": ",".join(queues), "http": endpoints.address}
        _log.info("The worker takes jobs", extra=about)
        await asyncio.wait({*parts, endpoints.serving, told}, return_when=asyncio.FIRST_COMPLETED)
        status = 0
        for part in (part for part in (*parts, endpoints.serving) if part.done()):
            status = FAILED
            _log.error("Part of the worker ended unasked", extra={"part": part.get_name()}, exc_info=part.exception())

        readiness.state = "draining"
        stop.now("part of the worker ended")  # does nothing where it was told to
        if relay is not None:
            await relay.stop()
        await drain(workers, own.drain)
    return status


async def polling(workers: Sequence[Worker]) -> str:
    """Probe for a `Need`: all workers run."""
    if ended := [worker.task_queue for worker in workers if not worker.is_running]:
        raise Unmet(f"Nobody takes jobs of {', '.join(ended)} any more.")
    return ", ".join(worker.task_queue for worker in workers)


def supervise(queues: Sequence[str], processes: int) -> int:
    """Run copies of this program; returns the exit status."""
    this = [sys.executable, str(Path(__file__).resolve()), "--queues", ",".join(queues)]
    supervisor = Supervisor(lambda index, pipe: [*this, "--process", str(index), "--parent", str(pipe)], processes)
    return asyncio.run(supervisor.run())


def run(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the exit status."""
    chosen = options(arguments, __doc__ or "")
    try:
        secret_files.read()
        # Until settings are read, for what nobody foresaw in them.
        logs.configure(format="json", level="INFO", mask=known_secrets.mask())
        registry.load_installed()
        queues, settings = chosen_queues(chosen.queues), Settings()
        check_limited_queues(settings.worker)
        if chosen.check:
            return asyncio.run(check(settings, queues))
        copy = {} if chosen.parent is None else {"process_index": chosen.process}
        form, level = settings.worker.log_format, settings.worker.log_level
        logs.configure(format=form, level=level, mask=known_secrets.mask(), **copy)
        if chosen.processes > 1:
            return supervise(queues, chosen.processes)
        # Never closed: that would wait for steps that have outlasted the drain.
        return asyncio.Runner().run(serve(settings, queues, chosen.process, chosen.parent))
    except ValidationError as exc:
        problem, status = "; ".join(configuration.problems(exc)), MISCONFIGURED
    except (
        Misconfigured,
        MissingPort,
        RegistryError,
        TimeLimitsContradict,
        InvalidStart,
        ScheduleDeclarationError,
        secret_files.SecretFileUnusable,
    ) as exc:
        problem, status = str(exc), MISCONFIGURED
    except OSError as exc:
        problem, status = str(exc), CANNOT_START
    sys.stderr.write(f"worker: {known_secrets.mask()(problem)}\n")
    return status


def main() -> NoReturn:
    """Entry point."""
    try:
        status = run()
    except SystemExit as exc:  # argparse's
        status = exc.code if isinstance(exc.code, int) else MISCONFIGURED
    except BaseException:  # noqa: BLE001  # the last one who could say it
        _log.critical("The worker failed", exc_info=True)
        status = FAILED
    leave(status, flush_within=5)


if __name__ == "__main__":
    main()
