"""`jobs setup`: what the database and Temporal need before jobs can run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import typer
from temporalio.client import Client

from adapters.configuration import without_password
from adapters.settings import DatabaseSettings
from domain.errors import ConnectionBroken, JobError, NetworkTimeout, error_type
from starter import setup as temporal
from starter.cli.output import FAILED, Output
from starter.cli.running import run
from starter.connection import connect
from starter.errors import StarterError
from workflows.registry import registry


def add_to(app: typer.Typer, out: Output) -> None:
    """Add the command."""

    @app.command(epilog=out.examples("setup"))
    def setup() -> int:
        """Prepare the database and Temporal for the kinds of job that are installed.

        The database's schema is brought up to date, and the kinds that enqueue_job accepts are written; Temporal's
        namespace gets its search attributes and retention.

        Run it at each deployment: what is there already stays, and two that run at once do no harm. Where one of the
        two servers is away the other is set up all the same; the exit status is 1 then.
        """
        return run(_setup(DatabaseSettings().directly, out))


async def _setup(settings: DatabaseSettings, out: Output) -> int:
    parts = [part for found in await asyncio.gather(_database(settings), _temporal()) for part in found]
    errors = [part for part in parts if part["error"]]
    out.document({"parts": parts, "error": errors[0]["error"] if errors else None})
    for part in parts:
        if part["error"]:
            out.note(f"Error: {part['part']}: {part['error']['message']}")
        else:
            out.say(f"{part['part']}: {part['result']}")
    return FAILED if errors else 0


async def _database(settings: DatabaseSettings) -> list[dict[str, Any]]:
    # Imported here: half of the command line's start-up time, which no other command needs.
    from adapters.db import job_kinds, migrate

    url = settings.url.get_secret_value()

    async def migrated() -> tuple[bool, str]:
        before = await migrate.current(url)
        await migrate.upgrade(url)
        if (now := await migrate.current(url)) == before:
            newer = "" if before == migrate.head() else ", of newer code, which serves this code as well"
            return False, f"schema was at revision {before} already{newer}"
        return True, f"schema is now at revision {now}" + (f", before at {before}" if before else "")

    async def kinds() -> tuple[bool, str]:
        requests = registry.requests()
        changed = await job_kinds.sync(url, requests)
        known = len(requests)
        if not changed:
            return False, f"{known} for enqueue_job {'was' if known == 1 else 'were'} there already"
        return True, f"wrote {len(changed)} of {known} for enqueue_job: {', '.join(changed)}"

    schema = await _part("database", migrated, url=url)
    if schema["error"]:
        return [schema]
    return [schema, await _part("kinds", kinds, url=url)]


async def _temporal() -> list[dict[str, Any]]:
    try:
        client = await connect()
    except StarterError as exc:
        return [_told("temporal", error=exc)]
    return [
        await _part("search attributes", lambda: _search_attributes(client)),
        await _part("retention", lambda: _retention(client)),
    ]


async def _search_attributes(client: Client) -> tuple[bool, str]:
    added = await temporal.add_search_attributes(client)
    there = [name for name in temporal.wanted_search_attributes() if name not in added]
    told = [f"added {', '.join(added)}"] if added else []
    told += [f"{', '.join(there)} {'was' if len(there) == 1 else 'were'} there already"] if there else []
    return bool(added), "; ".join(told)


async def _retention(client: Client) -> tuple[bool, str]:
    days = temporal.RETENTION.days
    if await temporal.set_retention(client):
        return True, f"jobs that have ended are now kept for {days} days"
    return False, f"jobs that have ended were kept for {days} days or more already"


async def _part(name: str, act: Callable[[], Awaitable[tuple[bool, str]]], *, url: str = "") -> dict[str, Any]:
    try:
        changed, result = await act()
    except (ConnectionBroken, NetworkTimeout) as exc:
        return _told(name, error=exc, remedy=f" Is PostgreSQL running at {without_password(url)} (DATABASE_URL)?")
    except (StarterError, JobError) as exc:
        return _told(name, error=exc)
    return _told(name, changed=changed, result=result)


def _told(
    name: str, *, changed: bool = False, result: str | None = None, error: Exception | None = None, remedy: str = ""
) -> dict[str, Any]:
    return {
        "part": name,
        "changed": changed,
        "result": result,
        "error": {"type": error_type(error), "message": f"{error}{remedy}"} if error else None,
    }
