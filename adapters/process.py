"""A worker's process: its exit statuses, its garbage, and its end."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import sys
import threading
from typing import NoReturn

CANNOT_START = 1
"""Exit status of a copy that found no way to start; Python's own, too, if an import fails."""
MISCONFIGURED = 2
"""Exit status of a copy that cannot run with these settings, however often it is started."""
FAILED = 70
"""Exit status of a copy that ended in the midst of its work: EX_SOFTWARE of BSD's sysexits."""


def settle() -> None:
    """Tell the garbage collector that what is there by now stays. Call it once all is imported and made.

    By default every few hundred new objects make it look, at times through all modules: some 5 % of a worker's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def leave(status: int, *, flush_within: float | None = None) -> NoReturn:
    """Write out what is still in buffers, and end the process with this exit status (0 to 255).

    The interpreter's own way out is not taken: threads of the SDK's core outlive it, and the process would now and then
    abort, crash or hang there after all its work was done. Nothing after this call runs, neither `finally` nor
    `atexit`: close what must be closed before.

    `flush_within` limits the writing, in seconds: whoever reads a pipe may have stopped, and it would block for ever.
    """
    if flush_within is not None:
        limit = threading.Timer(flush_within, os._exit, [status])
        limit.daemon = True
        limit.start()
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        # None under pythonw; closed or a broken pipe (`| head`) where nobody reads any more.
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
    os._exit(status)
