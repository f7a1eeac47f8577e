"""`jobs capacity`: how large an installation must be."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Annotated

import typer

from starter.cli.output import AsJson, Output
from starter.sizing import COSTS, Load, size


def add_to(app: typer.Typer, out: Output) -> None:
    """Add the command."""

    @app.command(epilog=out.examples("capacity --jobs-per-second 100", "capacity --jobs-per-second 50 --p95 0.2"))
    def capacity(
        jobs_per_second: Annotated[
            float, typer.Option(parser=_number(0.001, 1e6), metavar="N", help="At the busiest moment.")
        ],
        average: Annotated[
            float | None,
            typer.Option(parser=_number(0.001, 1e6), metavar="N", help="Jobs a second over a day; default: as above."),
        ] = None,
        mails: Annotated[
            float, typer.Option(parser=_number(0, 1), metavar="SHARE", help="Share of jobs that send a mail.")
        ] = 1.0,
        mail_seconds: Annotated[
            float, typer.Option(parser=_number(0.001, 60), metavar="S", help="What the mail server takes for one.")
        ] = 0.1,
        retried: Annotated[
            float, typer.Option(parser=_number(0, 1), metavar="SHARE", help="Share of jobs tried a second time.")
        ] = 0.01,
        p95: Annotated[
            float | None,
            typer.Option(parser=_number(0.001, 3600), metavar="S", help="Seconds for 95 of 100 jobs to be done."),
        ] = None,
        retention_days: Annotated[
            float, typer.Option(parser=_number(1, 3650), metavar="DAYS", help="How long ended jobs are kept.")
        ] = 30,
        price: Annotated[
            float, typer.Option(parser=_number(0, 1e6), metavar="USD", help="Of a million actions in Temporal Cloud.")
        ] = COSTS["price_per_million_actions"],
        as_json: AsJson = False,  # noqa: ARG001  # `out` has it
    ) -> int:
        """Work out processes, cores, connections, storage and costs for so many jobs a second.

        From what the confirmation of an order was measured to cost; rounded up. Nothing is connected to.
        """
        load = Load(jobs_per_second, average, mails, mail_seconds, retried, p95, retention_days)
        try:
            needed = size(load)
        except ValueError as exc:
            raise typer.BadParameter(str(exc), param_hint="--p95") from None
        cloud = needed.cloud_dollars(price)
        gb_hours = needed.gb_kept / max(needed.gb_a_day, 1e-12) * 24
        kept = needed.gb_a_day / ((average or jobs_per_second) * 86_400) * 1e6 * gb_hours
        storage = kept * COSTS["price_per_gb_hour_retained"]
        out.document(
            {
                **dataclasses.asdict(needed),
                "cloud_dollars_a_million_jobs": round(cloud, 2),
                "cloud_storage_dollars_a_million_jobs": round(storage, 2),
                "price_per_million_actions": price,
                "coefficients": COSTS,
            }
        )
        if out.as_json:
            return 0
        out.details(
            [
                ("worker processes", f"{needed.worker_processes} (each with a relay of the outbox and a core)"),
                ("cores for workers", f"{needed.worker_cores}, busy for {needed.load:.0%}"),
                ("cores for Temporal", f"{needed.temporal_cores} or more; its database's come on top"),
                ("SMTP_CONNECTIONS", f"{needed.smtp_connections} in each process"),
                ("pollers", f"up to {needed.pollers} for each process and queue; workers adapt them"),
                ("database connections", f"{needed.database_connections}: max_connections of PostgreSQL, or a pooler"),
                ("outbox relays", f"{needed.outbox_relays} or more"),
                ("history shards", f"{needed.history_shards} (cannot be changed later; a rule of thumb)"),
                ("task-queue partitions", f"{needed.partitions} (a rule of thumb)"),
                ("history a day", f"{needed.gb_a_day:.2f} GB"),
                ("history kept", f"{needed.gb_kept:.2f} GB in {retention_days:g} days"),
                ("actions of a job", f"{needed.actions_of_a_job:.2f}"),
                (
                    "Temporal Cloud",
                    f"${cloud:.2f} a million jobs at ${price:g} a million actions, ${storage:.2f} storage",
                ),
            ]
        )
        out.note(f"Measured: {COSTS['measured']}, by {COSTS['by']}. Prices: {COSTS['price_source']}. Rounded up.")
        return 0


def _number(least: float, most: float) -> Callable[[str | float], float]:
    def parse(text: str | float) -> float:
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not least <= number <= most:
            raise typer.BadParameter(f"must be a number from {least:g} to {most:g}, not {str(text)[:40]!r}")
        return number

    return parse
