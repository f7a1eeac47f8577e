"""`jobs encryption`: the keys that encrypt what Temporal keeps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from domain.encryption_keys import KnownKey
from starter import encryption
from starter.cli.database import database
from starter.cli.durations import moment
from starter.cli.output import FAILED, AsJson, Output
from starter.cli.running import run

if TYPE_CHECKING:
    from adapters.db.encryption_keys import SqlEncryptionKeys
    from workflows.encryption import Keyring


def encryption_commands(out: Output) -> typer.Typer:
    """The command group `encryption`."""
    group = typer.Typer(
        help=(
            "Look after the keys that encrypt what Temporal keeps of jobs (JOBS_ENCRYPTION_KEYS). The database knows "
            "which ones are in use, and nothing by which to decrypt: the keys themselves are yours to keep.\n\n"
            "To change the key: give all processes the new one as the last of JOBS_ENCRYPTION_KEYS, and then as the "
            "first; run `schedules apply`; once the namespace's retention has passed and no job is older, retire the "
            "old one, and take it out."
        ),
        epilog=out.examples("encryption new-key 2026-11", "encryption keys", "encryption retire 2025-11"),
    )

    @group.callback(invoke_without_command=True)
    def command_is_named(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            raise typer.BadParameter("say what to do: keys, new-key or retire", param_hint="COMMAND")

    @group.command(epilog=out.examples("encryption keys"))
    def keys(
        as_json: AsJson = False,  # noqa: ARG001  # `out` has it
    ) -> int:
        """List the keys that are known to be in use, and whether this process has the right ones.

        Exit status: 1 where it has not: a worker with these settings would not start.
        """
        return run(_keys(encryption.keyring_from(), out))

    @group.command("new-key", epilog=out.examples("encryption new-key 2026-11"))
    def new_key(
        key_id: Annotated[
            str,
            typer.Argument(metavar="ID", show_default=False, help="Id of the key, which everyone may see: 2026-11."),
        ],
        as_json: AsJson = False,  # noqa: ARG001  # `out` has it
    ) -> int:
        """Make a key, and print it as JOBS_ENCRYPTION_KEYS has it. It is kept nowhere: without it nothing is read."""
        key = encryption.new_key(key_id)
        out.document({"id": key_id, "key": key})
        out.say(key)
        out.note("Keep it where you keep passwords: what is encrypted under it cannot be read without it.")
        return 0

    @group.command(epilog=out.examples("encryption retire 2025-11"))
    def retire(
        key_id: Annotated[str, typer.Argument(metavar="ID", show_default=False, help="Id of the key, as keys has it.")],
        as_json: AsJson = False,  # noqa: ARG001  # `out` has it
    ) -> int:
        """Have workers start without this key, for good: no job needs it any more. Can be run again.

        What is encrypted under it can be read by those alone who have it still. Exit status: 1 where there is no such
        key, or it is the one that encrypts here.
        """
        return run(_retire(key_id, encryption.keyring_from(), out))

    return group


async def _keys(keyring: Keyring | None, out: Output) -> int:
    from starter.errors import WrongKeys
    from starter.key_check import KeyCheck

    async with _store() as store:
        known = await store.all()
        try:
            told, problem = await KeyCheck(store, keyring).look(), None
        except WrongKeys as exc:
            told, problem = "", exc
    here = keyring.ids if keyring else ()
    out.document(
        {
            "keys": [
                {**key.model_dump(mode="json", exclude={"check"}), "state": _state(key), "here": key.id in here}
                for key in known
            ],
            "error": {"type": "WrongKeys", "message": str(problem)} if problem else None,
        }
    )
    if known and not out.as_json:
        rows = [[key.id, _state(key), moment(key.first_seen), "yes" if key.id in here else "no"] for key in known]
        out.table(("id", "state", "first seen", "here"), rows)
    if problem is not None:
        out.note(f"Error: {problem}")
        return FAILED
    out.note(f"Encryption here: {told}.")
    return 0


def _state(key: KnownKey) -> str:
    if key.retired_at is not None:
        return f"retired {moment(key.retired_at)}"
    return f"in use since {moment(key.encrypts_since)}" if key.encrypts_since else "known, not in use yet"


async def _retire(key_id: str, keyring: Keyring | None, out: Output) -> int:
    if keyring and keyring.current == key_id:
        return out.fail(
            "InUse",
            f"The key {key_id!r} is the one that encrypts here. Put another one first in JOBS_ENCRYPTION_KEYS, of all "
            f"processes, before you retire it.",
            status=FAILED,
        )
    async with _store() as store:
        key = await store.retire(key_id)
    if key is None:
        return out.fail("NotFound", f"There is no key {key_id!r} (see `jobs encryption keys`).", status=FAILED)
    out.document({**key.model_dump(mode="json", exclude={"check"}), "state": _state(key)})
    out.say(f"The key {key.id} is retired: workers start without it.")
    return 0


@asynccontextmanager
async def _store() -> AsyncIterator[SqlEncryptionKeys]:
    """Where the keys are known. Raises the domain's errors, which say what to do."""
    async with database() as engine:
        # Imported here: see there.
        from adapters.db.encryption_keys import SqlEncryptionKeys

        yield SqlEncryptionKeys(engine)
