"""Where a command's words go: its answer to stdout, everything else to stderr; with `--json` one document on stdout."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from adapters import known_secrets

FAILED = 1
"""Exit status: the command could not do what it was asked for, or the job that it waited for did not complete."""

MISUSED = 2
"""Exit status: the command line makes no sense."""

STATE_STYLES = {
    "running": "cyan",
    "completed": "green",
    "failed": "bold red",
    "timed-out": "bold red",
    "terminated": "red",
    "cancelled": "yellow",
}


class ReaderLeft(Exception):
    """Nobody reads our output any more: `| head` has seen enough."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        # Rich would exit with status 1 here.
        raise ReaderLeft


class Output:
    """What the commands say."""

    def __init__(self, program: str, *, as_json: bool) -> None:
        """`program`: how the command was called. `as_json`: one document for programs, instead of text for people."""
        self.program = program
        self.as_json = as_json
        self.console = _Console(highlight=False, soft_wrap=True)
        self._errors = _Console(stderr=True, highlight=False, soft_wrap=True)

    @property
    def for_terminal(self) -> bool:
        """Whether a person looks at it right now: colours and boxes are welcome, lines fit the window."""
        return self.console.is_terminal

    @property
    def live(self) -> Console | None:
        """Where something may move while a person waits; None where nobody looks at it."""
        return self._errors if self._errors.is_terminal and not self.as_json else None

    def document(self, value: Any) -> None:
        """The answer for programs; nothing without `--json`."""
        if self.as_json:
            # As it is: rich would take seconds to look for what to wrap in ten thousand letters.
            try:
                self.console.file.write(json.dumps(value, indent=2, default=str) + "\n")
                self.console.file.flush()
            except BrokenPipeError:
                raise ReaderLeft from None

    def say(self, text: str | RenderableType = "") -> None:
        """The answer for people, at once even into a pipe; nothing with `--json`."""
        if not self.as_json:
            self.console.print(text, markup=False)

    def note(self, text: str) -> None:
        """Something beside the answer: a warning, a hint."""
        self._errors.print(self.callable(text), markup=False)

    def fail(self, error_type: str, message: str, *, status: int = FAILED) -> int:
        """Tell why the command failed; returns the exit status. With `--json` the document is `{"error": …}`."""
        message = known_secrets.mask()(self.callable(message))  # of a package that does not load, say
        self.document({"error": {"type": error_type, "message": message}})
        self._errors.print(Text.assemble(("Error: ", "bold red"), message))
        return status

    def examples(self, *arguments: str) -> str:
        """For the end of a command's help."""
        return "\n\n".join(["Examples:", *(escape(f"  {self.program} {line}") for line in arguments)])

    def callable(self, text: str) -> str:
        """Remedies say `jobs …`, a name that shells have a command of their own for: say what can be typed here."""
        return re.sub(r"`jobs (?=[a-z])", f"`{self.program} ", text)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str | Text]], *, nothing: str = "") -> None:
        """A table: in a terminal it fits the window, elsewhere each row is one line, aligned and never cut.

        `nothing` is noted if there are no rows. With `--json` neither is shown.
        """
        if self.as_json:
            return
        if not rows:
            self.note(nothing)
            return
        if self.for_terminal:
            table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
            for column in columns:
                table.add_column(column, overflow="fold")
            for row in rows:
                table.add_row(*row)
            # Not wrapped softly: the table wraps its cells itself.
            self.console.print(table, soft_wrap=False)
            return
        lines = [list(columns), *([str(cell) for cell in row] for row in rows)]
        widths = [max(cell_len(line[at]) for line in lines) for at in range(len(columns))]
        for line in lines:
            padded = (cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True))
            self.say("  ".join(padded).rstrip())

    def details(self, pairs: Sequence[tuple[str, str | Text]]) -> None:
        """Names and values, one pair a line; a long value goes on below itself, a link stays whole."""
        width = max(len(name) for name, _ in pairs)
        for name, value in pairs:
            self.say(Text.assemble((f"{name:<{width}}  ", "dim"), value))


def state_text(state: str) -> Text:
    """A state in its colour."""
    return Text(state, style=STATE_STYLES.get(state, ""))
