"""How far a job is, as a line of text, and as a bar that moves while somebody waits in a terminal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from rich.console import Console
from rich.text import Text

from domain.progress import Progress
from starter.errors import StarterError
from starter.handle import JobHandle

_WIDTH = 30
"""Of the bar, in columns."""

_LOOK_EVERY = 1.0
"""Seconds."""


def told(progress: Progress) -> str:
    """`61,200 of 100,000 rows (61 %)`."""
    return f"{progress.done:,} of {progress.of:,} {progress.unit} ({_percent(progress)} %)"


def with_bar(progress: Progress) -> Text:
    """The same behind a bar, for a terminal."""
    filled = _percent(progress) * _WIDTH // 100
    return Text.assemble(("━" * filled, "cyan"), ("━" * (_WIDTH - filled), "dim"), f"  {told(progress)}")


def _percent(progress: Progress) -> int:
    # What is nearly done is not done.
    return progress.done * 100 // progress.of if progress.of else 0


@asynccontextmanager
async def shown(handle: JobHandle, console: Console | None) -> AsyncIterator[None]:
    """Show a bar as long as the block runs, once the job tells how far it is; without a console nothing."""
    if console is None:
        yield
        return
    showing = asyncio.create_task(_show(handle, console))
    try:
        yield
    finally:
        showing.cancel()
        await asyncio.wait([showing])


async def _show(handle: JobHandle, console: Console) -> None:
    # Imported here: few commands show a bar.
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[told]}", markup=False),
        TimeElapsedColumn(),
    )
    # The answer on stdout is not to go through the bar; it is written when the bar is gone.
    bars = Bars(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)
    bar = bars.add_task(handle.id, total=None, told="")
    try:
        while True:
            with suppress(StarterError):
                # Whoever waits for the outcome hears of it where Temporal is away for long.
                if (progress := await handle.progress()) is not None:
                    bars.start()
                    about = f"{progress.done:,} of {progress.of:,} {progress.unit}"
                    bars.update(bar, total=progress.of, completed=progress.done, told=about)
            await asyncio.sleep(_LOOK_EVERY)
    finally:
        bars.stop()


@contextmanager
def counting(console: Console | None, what: str, total: int) -> Iterator[Callable[[], None]]:
    """Show a bar that moves on by one at each call; without a console nothing."""
    if console is None:
        yield lambda: None
        return
    # Imported here: few commands show a bar.
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as bars:
        bar = bars.add_task(what, total=total)
        yield lambda: bars.advance(bar)
