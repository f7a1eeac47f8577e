"""`jobs relay`: start what applications have enqueued, in a process of its own."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated

import typer

from starter.cli.output import Output
from starter.cli.values import parse_duration, whole_number
from workflows.registry import Registry


def add_to(app: typer.Typer, kinds: Registry, out: Output) -> None:
    """Add the command."""

    @app.command("relay", epilog=out.examples("relay", "relay --http-port 9100", "relay --until-empty"))
    def command(
        after: Annotated[
            timedelta,
            typer.Option(
                parser=parse_duration,
                metavar="DURATION",
                help="Take jobs once they have waited so long: 2s leaves to the workers' relays what they take.",
            ),
        ] = "0s",  # type: ignore[assignment]  # as it is typed; the parser reads it
        http_port: Annotated[
            int | None,
            typer.Option(
                parser=whole_number(0, 65535), metavar="PORT", help="Serve /healthz, /readyz and /metrics there."
            ),
        ] = None,
        until_empty: Annotated[
            bool, typer.Option("--until-empty", metavar="", help="End when no job waits any more.")
        ] = False,
    ) -> int:
        """Start the jobs of the outbox, until told to stop.

        Every worker does this too, unless OUTBOX_RELAY=false says otherwise; a relay alone starts jobs where no worker
        runs, or none that may reach the database. Any number of them work side by side. It starts with Temporal and
        the database away, and waits for them. Exit status: 0 after Ctrl-C or SIGTERM.
        """
        # Here, since it takes longer to import all of that than most commands take.
        from adapters import known_secrets
        from adapters.settings import Settings
        from adapters.telemetry import logs
        from starter.cli.relaying import relay

        settings = Settings()
        form, level = settings.worker.log_format, settings.worker.log_level
        logs.configure(format=form, level=level, mask=known_secrets.mask())
        return asyncio.run(relay(settings, kinds, after, http_port, out if until_empty else None))
