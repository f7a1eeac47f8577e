"""`jobs encryption`: the keys that encrypt what Temporal keeps."""

from __future__ import annotations

from typing import Annotated

import typer

from domain.encryption_keys import WHERE
from starter import encryption
from starter.cli.commands import Commands
from starter.cli.output import Output


def encryption_commands(out: Output) -> typer.Typer:
    """The command group `encryption`."""
    group = Commands(
        help=f"Keys that encrypt what Temporal keeps of jobs ({WHERE}). How to change one: docs/encryption.md.",
        epilog=out.examples("encryption new-key 2026-11"),
    )

    @group.command("new-key", epilog=out.examples("encryption new-key 2026-11"))
    def new_key(
        key_id: Annotated[
            str,
            typer.Argument(metavar="ID", show_default=False, help="Id of the key, which everyone may see: 2026-11."),
        ],
    ) -> int:
        """Make a key, and print it as JOBS_ENCRYPTION_KEYS has it. It is stored nowhere."""
        key = encryption.new_key(key_id)
        out.document({"id": key_id, "key": key})
        out.say(key)
        out.note("Keep it where you keep passwords: what is encrypted under it cannot be read without it.")
        return 0

    return group
