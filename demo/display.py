"""What the person at the terminal sees: lines that stay, and below them what moves. In a pipe, lines alone."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

_PAUSE = 5.0
"""Seconds between two lines about the same thing, where they stay."""


class ReaderLeft(Exception):
    """Nobody reads our output any more: `| head` has seen enough."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        # Rich would raise SystemExit here, which asyncio does not let tasks clean up after.
        raise ReaderLeft


@dataclass
class _Moving:
    text: str
    share: float | None
    said_at: float


class Display:
    """Prints the tour."""

    def __init__(self, console: Console | None = None) -> None:
        """`console` is standard output where none is given."""
        # What the terminal or the pipe cannot show becomes a question mark, and no traceback.
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        # Soft wraps: the terminal folds long lines, links stay whole.
        self._console = console or _Console(highlight=False, soft_wrap=True)
        self._moving: dict[str, _Moving] = {}
        unicode = self._console.encoding.lower().startswith("utf")
        self._spinner = Spinner("dots" if unicode else "line", style="cyan")
        self._marks = ("✔", "✘") if unicode else ("OK", "FAILED")

    @contextlib.contextmanager
    def moving(self) -> Iterator[None]:
        """Within it, what moves is shown."""
        if not self._console.is_terminal:
            yield
            return
        live = Live(
            console=self._console, get_renderable=self._below, refresh_per_second=10, transient=True, screen=False
        )
        with live:
            yield

    def line(self, text: str | Text = "", style: str = "") -> None:
        """A line that stays."""
        self._console.print(text, style=style or None, markup=False)

    def heading(self, text: str) -> None:
        """The title of what follows."""
        self._console.print()
        self.line(text, "bold")

    def link(self, about: str, address: str) -> None:
        """An address, whole, on a line of its own."""
        self.line(Text.assemble((f"     {about:<9} ", "dim"), (address, "cyan")))

    def command(self, line: str, about: str = "") -> None:
        """A line that can be typed as it stands."""
        self.line(Text.assemble(("  " + line, "green"), (f"   # {about}" if about else "", "dim")))

    def verdict(self, text: str, *, met: bool) -> None:
        """Whether an expectation held."""
        self.line(Text.assemble("   ", (self._marks[not met], "bold green" if met else "bold red"), " ", text))

    def move(self, key: str, text: str, *, share: float | None = None) -> None:
        """Show, under this key, how something gets on; `share` is what of it is done, 0 to 1."""
        now = time.monotonic()
        before = self._moving.get(key)
        said_at = before.said_at if before else 0.0
        if not self._console.is_terminal and now - said_at >= _PAUSE:
            self.line(f"   … {text}")
            said_at = now
        self._moving[key] = _Moving(text, share, said_at)

    def rest(self, key: str) -> None:
        """It moves no more."""
        self._moving.pop(key, None)

    def give_back(self) -> None:
        """Make the terminal's cursor visible again, where we end without the way out of `moving`."""
        if self._console.is_terminal:
            with contextlib.suppress(OSError):
                # Not by the console: what was interrupted may hold its lock.
                os.write(self._console.file.fileno(), b"\x1b[?25h\n")

    def _below(self) -> Group:
        rows = []
        for moving in list(self._moving.values()):
            row = Table.grid(padding=(0, 1))
            bar = [] if moving.share is None else [ProgressBar(total=1, completed=moving.share, width=24)]
            row.add_row("  ", self._spinner, *bar, moving.text)
            rows.append(row)
        return Group(*rows)
