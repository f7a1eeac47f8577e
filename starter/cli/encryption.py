"""`jobs encryption`: the keys that encrypt what Temporal keeps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from domain.encryption_keys import WHERE, KnownKey
from starter import encryption
from starter.cli.database import database
from starter.cli.durations import moment
from starter.cli.output import FAILED, AsJson, Output
from starter.cli.running import run

if TYPE_CHECKING:
    from adapters.db.encryption_keys import SqlEncryptionKeys
    from workflows.encryption import Keyring

_UNTIL = (
    "Have all processes put another key first; wait until the jobs have ended; redrive or discard the letters; run "
    "`jobs schedules apply`; resume and pause anew."
)
_ALL_THE_SAME = "--force retires it all the same; `jobs encryption restore` would take that back."


def encryption_commands(out: Output) -> typer.Typer:
    """The command group `encryption`."""
    group = typer.Typer(
        help=(
            f"Look after the keys that encrypt what Temporal keeps of jobs ({WHERE}). The database knows which are in "
            "use, and nothing by which to decrypt: the keys themselves are yours to keep.\n\n"
            "To change the key: give all processes the new one as the last of their keys, and then as the first; run "
            "`schedules apply`; once the namespace's retention has passed and no job is older, retire the old one, and "
            "take it out."
        ),
        epilog=out.examples("encryption new-key 2026-11", "encryption keys", "encryption retire 2025-11"),
    )

    @group.callback(invoke_without_command=True)
    def command_is_named(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            raise typer.BadParameter("say what to do: keys, new-key, retire or restore", param_hint="COMMAND")

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
        force: Annotated[
            bool,
            typer.Option(
                "--force", help="Do not look for what needs it: the key is lost, say, or Temporal cannot be asked."
            ),
        ] = False,
        as_json: AsJson = False,  # noqa: ARG001  # `out` has it
    ) -> int:
        """Have workers start without this key: no job needs it any more. Can be run again, and taken back by restore.

        It looks first for what is encrypted under the key and still needed: running jobs, dead letters that are not
        settled, schedules, pauses, and what somebody has encrypted within the last hour. Each run is looked at, which
        takes some milliseconds; the key is not needed for that. What has ended can be read by those alone who have the
        key still. Exit status: 1 where something needs it, where that cannot be told (as of a namespace that has
        neither jobs nor schedules), where there is no such key, or it is the one that encrypts here.
        """
        return run(_retire(key_id, encryption.keyring_from(), out, force=force))

    @group.command(epilog=out.examples("encryption restore 2025-11"))
    def restore(
        key_id: Annotated[str, typer.Argument(metavar="ID", show_default=False, help="Id of the key, as keys has it.")],
        as_json: AsJson = False,  # noqa: ARG001  # `out` has it
    ) -> int:
        """Take back that a key was retired: it is in use again, and workers without it do not start. Can be run again.

        Those that run without it become unready: give them the key first. Exit status: 1 where there is no such key.
        """
        return run(_restore(key_id, encryption.keyring_from(), out))

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


async def _retire(key_id: str, keyring: Keyring | None, out: Output, *, force: bool) -> int:
    if keyring and keyring.current == key_id:
        return out.fail(
            "InUse",
            f"The key {key_id!r} is the one that encrypts here. Put another one first in {WHERE}, of all "
            f"processes, before you retire it.",
            status=FAILED,
        )
    async with _store() as store:
        known = {key.id: key for key in await store.all()}
        if key_id not in known:
            return _unknown(key_id, out)
        looked = await _look(key_id) if not force and known[key_id].retired_at is None else _Looked()
        if looked.refusal:
            return out.fail(*looked.refusal, status=FAILED)
        key = await store.retire(key_id)
    if key is None:
        return _unknown(key_id, out)
    out.document(_document(key))
    out.say(f"The key {key.id} is retired: workers start without it. `jobs encryption restore {key.id}` takes it back.")
    if looked.at:
        out.say(looked.at)
    return 0


class _Looked(NamedTuple):
    refusal: tuple[str, str] | None = None
    """Why a key cannot be retired, or why nobody can tell: the error's type and its text."""
    at: str = ""
    """What was looked at, for people: they see whether it was the right place."""


async def _look(key_id: str) -> _Looked:
    """Look for what needs the key."""
    # Imported here: they take time, and the other commands of the group ask the database alone.
    from starter.connection import connect
    from starter.errors import StarterError
    from starter.key_use import KeyUse

    def untold(why: str) -> _Looked:
        return _Looked(
            ("NotKnown", f"Whether the key {key_id!r} is still needed cannot be told: {why} {_ALL_THE_SAME}")
        )

    try:
        client = await connect()
        use = KeyUse(client, key_id)
        await use.look(_unsettled())
    except StarterError as exc:
        return untold(str(exc))
    address = client.service_client.config.target_host
    if told := use.told():
        return _Looked(("InUse", f"The key {key_id!r} is still needed, by {told}. {_UNTIL} {_ALL_THE_SAME}"))
    if use.empty:
        return untold(
            f"Temporal at {address}, namespace {client.namespace!r}, has neither jobs nor schedules: is it the right "
            f"one?"
        )
    if not use.complete:
        return untold("there are too many jobs to look at.")
    return _Looked(at=f"Looked at {len(use.jobs)} jobs in namespace {client.namespace!r} at {address}.")


async def _unsettled() -> AsyncIterator[tuple[str, str]]:
    """Jobs and runs of the letters that a redrive may come to."""
    from domain.dead_letters import UNSETTLED, LetterFilter
    from starter.cli.dead_letters import dead_letters

    last: int | None = None
    async with dead_letters() as letters:
        while page := await letters.list(LetterFilter(states=UNSETTLED), limit=500, after=last):
            for letter in page:
                yield letter.run.workflow_id, letter.run.run_id
            last = page[-1].id


async def _restore(key_id: str, keyring: Keyring | None, out: Output) -> int:
    async with _store() as store:
        key = await store.restore(key_id)
    if key is None:
        return _unknown(key_id, out)
    out.document(_document(key))
    out.say(f"The key {key.id} is not retired any more: {_state(key)}.")
    if keyring is None or key_id not in keyring.ids:
        out.note(f"This process ({WHERE}) does not have it: a worker with these settings does not start.")
    return 0


def _document(key: KnownKey) -> dict[str, object]:
    return {**key.model_dump(mode="json", exclude={"check"}), "state": _state(key)}


def _unknown(key_id: str, out: Output) -> int:
    return out.fail("NotFound", f"There is no key {key_id!r} (see `jobs encryption keys`).", status=FAILED)


@asynccontextmanager
async def _store() -> AsyncIterator[SqlEncryptionKeys]:
    """Where the keys are known. Raises the domain's errors, which say what to do."""
    async with database() as engine:
        # Imported here: see there.
        from adapters.db.encryption_keys import SqlEncryptionKeys

        yield SqlEncryptionKeys(engine)
