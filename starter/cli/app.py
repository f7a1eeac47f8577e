"""The command `jobs`: its sub-commands, and how errors become one line and an exit status."""

from __future__ import annotations

import io
import re
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from typer.core import TyperGroup

from adapters import configuration, known_secrets, secret_files
from domain.errors import JobError
from starter.cli import job, kinds, listing, pausing, relay, replay, setup
from starter.cli.api_keys import api_key_commands
from starter.cli.commands import Commands
from starter.cli.dead import dead_commands
from starter.cli.encryption import encryption_commands
from starter.cli.outbox import outbox_commands
from starter.cli.output import FAILED, MISUSED, Output, ReaderLeft
from starter.cli.running import Interrupted
from starter.cli.schedules import schedule_commands
from starter.cli.start import start_commands
from starter.errors import StarterError
from workflows.registry import Registry, RegistryError, registry

_ORDER = (
    "setup",
    "start",
    "status",
    "list",
    "cancel",
    "outbox",
    "dead",
    "pause",
    "resume",
    "paused",
    "schedules",
    "kinds",
    "relay",
    "replay",
    "api-keys",
    "encryption",
)
"""In the help: as people come to need them."""

_READER_LEFT = 128 + 13
"""Exit status where nobody reads our output any more, as SIGPIPE would have it."""


def run(arguments: Sequence[str], program: str = "jobs") -> int:
    """Run one command line; returns its exit status. Raises nothing. `program` is what people type to call it."""
    # What a terminal or a pipe cannot show becomes a question mark, and no traceback.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # None where it is closed
            stream.reconfigure(errors="replace")
    out = Output(program, as_json="--json" in arguments)
    try:
        return _run(arguments, out)
    except Interrupted as exc:
        return exc.status
    except KeyboardInterrupt:
        return 130
    except ReaderLeft:
        return _READER_LEFT
    except SystemExit as exc:  # from within typer, where it cannot write
        return exc.code if isinstance(exc.code, int) else FAILED
    except Exception:  # noqa: BLE001  # a bug of ours: its traceback is the report, the exit status still says failure
        sys.stderr.write(known_secrets.mask()(traceback.format_exc()))
        return FAILED


def _run(arguments: Sequence[str], out: Output) -> int:
    try:
        secret_files.read()
        registry.load_installed()
        command = typer.main.get_command(application(registry, out))
        return command.main(list(arguments), prog_name=out.program, standalone_mode=False) or 0
    except typer.TyperException as exc:
        return _misused(exc, out)
    except (StarterError, RegistryError, JobError) as exc:
        return out.fail(exc.type_name, str(exc))
    except ValidationError as exc:
        return out.fail("InvalidSettings", f"Settings are wrong: {'; '.join(configuration.problems(exc))}")
    except secret_files.SecretFileUnusable as exc:
        return out.fail("InvalidSettings", str(exc))
    except OSError as exc:
        return out.fail("CannotWrite", f"The output cannot be written: {exc.strerror}")


class _InOrder(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # typer's signature
        return [name for name in _ORDER if name in self.commands]


def application(kinds_known: Registry, out: Output) -> typer.Typer:
    """The command line for these kinds."""
    app = Commands(
        add_completion=False,
        cls=_InOrder,
        help="Start durable background jobs, and look after them.",
        epilog=(
            "Temporal is found by TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and so on, or by the temporal CLI's profiles; "
            "the database by DATABASE_URL. With --json a command prints one JSON document to stdout, an error as "
            '{"error": {"type": …, "message": …}}, and everything else to stderr. '
            "Exit status: 0 it worked, 1 it did not, 2 the command line is wrong, 130 after Ctrl-C."
        ),
    )

    @app.callback(invoke_without_command=True)
    def main(
        context: typer.Context,
        *,
        show_version: Annotated[bool, typer.Option("--version", metavar="", help="Print the version.")] = False,
    ) -> None:
        if show_version:
            out.say(f"durable-jobs {version('durable-jobs')}")
            raise typer.Exit
        if context.invoked_subcommand is None:
            typer.echo(context.get_help())
            raise typer.Exit(MISUSED)

    setup.add_to(app, out)
    app.add_typer(start_commands(kinds_known, out), name="start")
    job.add_to(app, out)
    listing.add_to(app, kinds_known, out)
    app.add_typer(outbox_commands(out), name="outbox")
    app.add_typer(dead_commands(kinds_known, out), name="dead")
    kinds.add_to(app, kinds_known, out)
    relay.add_to(app, kinds_known, out)
    replay.add_to(app, kinds_known, out)
    pausing.add_to(app, kinds_known, out)
    app.add_typer(schedule_commands(kinds_known, out), name="schedules")
    app.add_typer(api_key_commands(out), name="api-keys")
    app.add_typer(encryption_commands(out), name="encryption")
    return app


def _misused(exc: typer.TyperException, out: Output) -> int:
    """One line that names the option, and where to read on."""
    context = getattr(exc, "ctx", None)
    path = context.command_path if context else out.program
    message = exc.format_message().removeprefix("Invalid value for ").removeprefix("Invalid value: ").rstrip(".")
    hint = re.match(r"'(--[^']+)': ", message)
    if hint:
        message = f"{hint[1]}: {message[hint.end() :]}"
    about = getattr(getattr(exc, "param", None), "help", None)
    if about and message.startswith("Missing"):
        message += f" ({about.rstrip('.')})"
    return out.fail("WrongCommandLine", f"{' '.join(message.split())} (see `{path} --help`)", status=exc.exit_code)
