"""The end of a process that used Temporal's SDK.

The SDK's core has threads that outlive the event loop. If one of them still needs Python when the interpreter shuts
down, the process aborts or crashes; if the core is dropped meanwhile, it hangs. So at exit the core is kept from being
dropped, and its threads get the time to finish what they have begun.
"""

from __future__ import annotations

import atexit
import ctypes
import time
from pathlib import Path
from weakref import WeakSet

from temporalio.runtime import Runtime

_POLL_S = 0.02
"""Seconds; meanwhile a thread that waits for the interpreter gets it."""
_QUIET_POLLS = 3
_TIMEOUT_S = 1.0

_runtimes: WeakSet[Runtime] = WeakSet()


def settle_at_exit(runtime: Runtime) -> None:
    """Let the process end cleanly by itself although it used this runtime. Takes some 60 ms at its end."""
    _runtimes.add(runtime)


def keep_forever(thing: object) -> None:
    """Never drop it, not even when the interpreter shuts down."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def wait_until_quiet() -> None:
    """Return when the core's threads have nothing to do, or after a second."""
    quiet, until = 0, time.monotonic() + _TIMEOUT_S
    while quiet < _QUIET_POLLS and time.monotonic() < until:
        time.sleep(_POLL_S)
        quiet = 0 if _any_runs() else quiet + 1


def _any_runs() -> bool:
    """Whether a thread of the core has something to do, as far as the system shows it (Linux does)."""
    for thread in Path("/proc/self/task").glob("*/stat"):
        try:
            name, _, rest = thread.read_text().partition(") ")
        except OSError:
            continue  # it has ended
        if "(tokio" in name and not rest.startswith("S"):
            return True
    return False


@atexit.register  # at import, so that it runs after what the application registers later and may use jobs in
def _settle() -> None:
    for runtime in _runtimes:
        keep_forever(runtime)
    if _runtimes:
        wait_until_quiet()
