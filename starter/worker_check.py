"""What a worker makes of its options and settings, and whether all that they name is there: `worker.py --check`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta

from pydantic import SecretStr
from temporalio.client import Client

from adapters import configuration, known_secrets
from adapters.email.course import longest_send
from adapters.job_settings import WorkerSettings
from adapters.outside import Misconfigured, Outside
from adapters.payments.api import longest_call
from adapters.readiness import Need, look
from adapters.settings import Settings
from domain.dead_letter_sweep import DeadLetterSweepRequest, FailedRuns
from domain.report_ports import ReportJobs
from starter.connection import web_ui_base
from starter.dead_letters.failed_runs import TemporalFailedRuns
from starter.deployments import Version, describe, routing_of
from starter.encryption import describe as describe_keys
from starter.encryption import keyring_from
from starter.errors import StarterError
from starter.probing import TemporalProbe, connection_settings
from starter.report_jobs import TemporalReportJobs
from workflows.hosting import MissingPort, bound_steps
from workflows.limits import TimeLimitsContradict, check_time_limits
from workflows.pausing import PAUSE
from workflows.registry import registry

_START_LIMIT = timedelta(seconds=10)


def options(arguments: Sequence[str] | None, explained: str) -> argparse.Namespace:
    """Read the command line; `explained` is what its help says, the first line about the program."""
    about, _, usage = explained.partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="worker", description=about, epilog=usage, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queues", metavar="A,B", help="serve these queues alone (default: all)")
    parser.add_argument("--processes", type=int, default=1, metavar="N", help="how many processes to run (default: 1)")
    parser.add_argument("--check", action="store_true", help="show the configuration, probe everything, and exit")
    # For the copies that --processes starts.
    parser.add_argument("--process", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.processes < 1:
        parser.error("--processes must be at least 1")
    return chosen


def chosen_queues(names: str | None) -> list[str]:
    """Queues to serve, from `--queues a,b`. Raises Misconfigured for one that no kind of job has."""
    known = registry.queues()
    chosen = known if names is None else sorted({name.strip() for name in names.split(",")})
    if unknown := [name for name in chosen if name not in known]:
        raise Misconfigured(f"There is no queue {', '.join(map(repr, unknown))}; there are: {', '.join(known)}.")
    return chosen


def check_limited_queues(settings: WorkerSettings) -> None:
    """Raises Misconfigured where a queue's own limit is for one that no kind of job has."""
    if wrong := sorted({*settings.slots_by_queue, *settings.rates_by_queue} - set(registry.queues())):
        names = ", ".join(map(repr, wrong))
        raise Misconfigured(
            f"There is no queue {names} (WORKER_QUEUE_SLOTS, WORKER_QUEUE_RATES); there are: "
            f"{', '.join(registry.queues())}."
        )


def version_of(settings: WorkerSettings) -> Version | None:
    """The version of a worker deployment that this is; None where it is none."""
    if settings.deployment_name is None or settings.build_id is None:
        return None
    return Version(settings.deployment_name, settings.build_id)


def temporal_ports(client: Callable[[], Client]) -> dict[type, object]:
    """The ports that Temporal itself is behind, for each use of which `client` is called. `Outside` has the others."""
    requests = {name: kind.request for kind in registry for name in kind.workflow_types}
    sweep = registry.get(DeadLetterSweepRequest.kind).workflow_type
    return {
        # A sweep that fails has left its letter, which the next one settles.
        FailedRuns: TemporalFailedRuns(client, requests, no_jobs=(PAUSE, sweep)),
        ReportJobs: TemporalReportJobs(client),
    }


async def check(settings: Settings, queues: Sequence[str]) -> int:
    """Show the configuration and probe everything that it names; returns the exit status."""
    values = connection_settings() | configuration.values(*settings.groups)
    secrets = {name: value.get_secret_value() for name, value in values.items() if isinstance(value, SecretStr)}
    mask = known_secrets.mask({**os.environ, **secrets})
    outside, temporal = Outside(settings, web_ui=web_ui_base()), TemporalProbe()
    outside.ports |= temporal_ports(lambda: temporal.client)
    served = [kind for kind in registry if kind.queue in queues]

    async def kinds() -> str:
        check_time_limits(served, outside.limits)
        for kind in served:
            bound_steps(kind, outside.ports)
        return ", ".join(f"{kind.name} ({kind.queue})" for kind in served)

    keyring = keyring_from()

    async def keys() -> str:
        return describe_keys(keyring)

    needs = [
        Need("Kinds of job", kinds, (TimeLimitsContradict, MissingPort)),
        Need("Temporal", temporal.server, (StarterError,), _START_LIMIT),
        Need("Search attributes", temporal.search_attributes, (StarterError,), _START_LIMIT),
        Need("Database", outside.database, limit=_START_LIMIT),
        Need("Encryption", keys),
        Need("Mail server", outside.mail.probe, limit=longest_send(settings.smtp)),
        Need("Alert channels", outside.alert_channels.probe),
        Need("Report storage", outside.storage, limit=_START_LIMIT),
    ]
    if settings.payment.api_key is not None:
        needs.append(Need("Payment provider", outside.provider.probe, limit=longest_call(settings.payment)))
    if (version := version_of(settings.worker)) is not None:

        async def deployment() -> str:
            return describe(version, await routing_of(temporal.client, version))

        needs.append(Need("Deployment", deployment, (StarterError,), _START_LIMIT))
    findings = [await look(need) for need in needs]
    sys.stdout.write("".join(f"{name:<28} {configuration.shown(value)}\n" for name, value in values.items()) + "\n")
    for finding in findings:
        sys.stdout.write(f"{'OK' if finding.met else 'FAILED':<7}{finding.name:<21} {mask(finding.text)}\n")
    await outside.close()
    return 0 if all(finding.met for finding in findings) else 1
