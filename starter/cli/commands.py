"""The commands of a group: each has `--json`, and a group is not called without one of them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypeVar, cast

import typer

_CommandT = TypeVar("_CommandT", bound=Callable[..., Any])
_AS_JSON = inspect.Parameter(
    "as_json",
    inspect.Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[bool, typer.Option("--json", metavar="", help="Print one JSON document.")],
)
"""Read from the command line before all else (`app.run`), since errors heed it too: commands ask `Output`."""


class Commands(typer.Typer):
    """A group of commands."""

    def __init__(self, *, required: str = "say what to do", of: str = "COMMAND", **options: Any) -> None:
        """`required` and `of` are for the error if none is named; `options` are Typer's."""
        super().__init__(**options)

        @self.callback(invoke_without_command=True)
        def is_named(context: typer.Context) -> None:
            if context.invoked_subcommand is None:
                names = ", ".join(getattr(context.command, "commands", ()))
                raise typer.BadParameter(f"{required}: {' or '.join(names.rsplit(', ', 1))}", param_hint=of)

    def command(self, name: str | None = None, **options: Any) -> Callable[[_CommandT], _CommandT]:
        """Add a command, with `--json`."""
        register = super().command(name, **options)
        return lambda command: register(_with_json(command))


def _with_json(command: _CommandT) -> _CommandT:
    own = inspect.signature(command, eval_str=True)

    @functools.wraps(command)
    def run(*, as_json: bool, **given: Any) -> Any:  # noqa: ARG001  # see `_AS_JSON`
        return command(**given)

    run.__signature__ = own.replace(parameters=[*own.parameters.values(), _AS_JSON])  # type: ignore[attr-defined]  # functions may have one
    return cast("_CommandT", run)
