"""`jobs api-keys`: who may use the HTTP interface, or the codec server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from domain.api_keys import ApiKey, KeyScope, new_secret
from starter.cli.commands import Commands
from starter.cli.database import database
from starter.cli.output import FAILED, Output
from starter.cli.running import run
from starter.cli.values import moment, parse_duration

if TYPE_CHECKING:
    from adapters.db.api_keys import SqlApiKeys

_LONGEST_NAME = 100


def _name(text: str) -> str:
    if text.isprintable() and text.strip() and len(text) <= _LONGEST_NAME:
        return text.strip()
    raise typer.BadParameter(f"must be a name of up to {_LONGEST_NAME} printable characters")


def _lifetime(text: str | timedelta) -> timedelta:
    lifetime = parse_duration(text)
    if not lifetime:
        raise typer.BadParameter("must be longer than nothing")
    return lifetime


def api_key_commands(out: Output) -> typer.Typer:
    """The command group `api-keys`."""
    group = Commands(
        help=(
            "Make, list and revoke the keys of the HTTP interface and of the codec server. DATABASE_URL is all that "
            "these commands need.\n\n"
            "To change a client's key without an interruption: make another one of the same name, have the client use "
            "it, look by list whether the old one is still in use, and revoke that."
        ),
        epilog=out.examples(
            "api-keys create storefront --expires 90d", "api-keys list", "api-keys revoke 4f9c2a61b0d7"
        ),
    )

    @group.command(epilog=out.examples("api-keys create storefront", "api-keys create storefront --expires 90d --json"))
    def create(
        name: Annotated[
            str,
            typer.Argument(
                parser=_name,
                metavar="NAME",
                show_default=False,
                help="The client's name. Keys of one name are one client's.",
            ),
        ],
        expires: Annotated[
            timedelta | None,
            typer.Option(
                parser=_lifetime, metavar="DURATION", show_default=False, help="Valid for so long, such as 90d."
            ),
        ] = None,
        codec: Annotated[
            bool,
            typer.Option(
                "--codec",
                metavar="",
                help="For the codec server, which decrypts what Temporal keeps, and for nothing else.",
            ),
        ] = False,
    ) -> int:
        """Make a key, and print it: this once, since only its hash is kept."""
        return run(_create(name, expires, KeyScope.codec if codec else KeyScope.http, out))

    @group.command("list", epilog=out.examples("api-keys list"))
    def list_keys() -> int:
        """List all keys, by name: when each was made, expires, and was last used (to within some minutes)."""
        return run(_list(out))

    @group.command(epilog=out.examples("api-keys revoke 4f9c2a61b0d7"))
    def revoke(
        key_id: Annotated[str, typer.Argument(metavar="ID", show_default=False, help="Id of the key, as list has it.")],
    ) -> int:
        """Let a key be valid no longer, from some seconds on, for good. Can be run again.

        Exit status: 1 where there is no such key.
        """
        return run(_revoke(key_id, out))

    return group


async def _create(name: str, lifetime: timedelta | None, scope: KeyScope, out: Output) -> int:
    secret = new_secret()
    async with _store() as keys:
        key = await keys.add(secret, name, lifetime=lifetime, scope=scope)
    out.document({"key": secret.key, **key.model_dump(mode="json")})
    out.say(secret.key)
    out.note(
        f"This is the only time that the key is shown. Its id is {key.id}"
        + (f"; it is valid until {moment(key.expires_at)}." if key.expires_at else "; it does not expire.")
    )
    return 0


async def _list(out: Output) -> int:
    async with _store() as keys:
        found = await keys.all()
    now = datetime.now(UTC)
    out.document({"keys": [{**key.model_dump(mode="json"), "valid": key.is_valid(now)} for key in found]})
    if not found:
        out.say(f"There is no key yet; `{out.program} api-keys create NAME` makes one.")
    elif not out.as_json:
        rows = [
            [key.id, key.name, key.scope, moment(key.created_at), _ends(key, now), _at(key.last_used_at, "never")]
            for key in found
        ]
        out.table(("id", "name", "for", "created", "expires", "last used"), rows)
    return 0


async def _revoke(key_id: str, out: Output) -> int:
    async with _store() as keys:
        key = await keys.revoke(key_id)
    if key is None:
        return out.fail("NotFound", f"There is no API key {key_id!r} (see `jobs api-keys list`).", status=FAILED)
    out.document(key.model_dump(mode="json"))
    out.say(f"The key {key.id} of {key.name} is revoked. Servers heed it within some seconds.")
    return 0


def _ends(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return f"revoked {moment(key.revoked_at)}"
    told = _at(key.expires_at, "never")
    return told if key.is_valid(now) else f"expired {told}"


def _at(when: datetime | None, otherwise: str) -> str:
    return moment(when) if when else otherwise


@asynccontextmanager
async def _store() -> AsyncIterator[SqlApiKeys]:
    """Where the keys are kept. Raises the domain's errors, which say what to do."""
    async with database() as engine:
        # Imported here: see there.
        from adapters.db.api_keys import SqlApiKeys

        yield SqlApiKeys(engine)
