"""The end of a process that used Temporal's SDK.

The SDK's core has threads that outlive the event loop. Where one of them still needs Python when the interpreter goes
down, the process aborts or crashes; where the core is dropped meanwhile, it hangs: each now and then, after all its
work was done. So when the interpreter is about to go down, the core is kept from being dropped, and what its threads
have begun is let come to an end.
"""

from __future__ import annotations

import atexit
import ctypes
import time
from pathlib import Path
from weakref import WeakSet

from temporalio.runtime import Runtime

_LOOK_EVERY = 0.02
"""Seconds. A thread that waits for the interpreter gets it meanwhile."""
_QUIET_LOOKS = 3
_AT_MOST = 1.0
_THREADS = "(tokio"
"""Beginning of the names of the core's threads, as Linux tells them."""

_runtimes: WeakSet[Runtime] = WeakSet()


def settle_at_exit(runtime: Runtime) -> None:
    """Have the process end cleanly by itself, though it used this runtime. Takes some 60 ms at its end."""
    _runtimes.add(runtime)


def keep_for_ever(thing: object) -> None:
    """Never drop it, not even when the interpreter goes down."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def wait_until_quiet() -> None:
    """Return when the core's threads have nothing to do, or after a second."""
    quiet, until = 0, time.monotonic() + _AT_MOST
    while quiet < _QUIET_LOOKS and time.monotonic() < until:
        time.sleep(_LOOK_EVERY)
        quiet = 0 if _any_runs() else quiet + 1


def _any_runs() -> bool:
    """Whether a thread of the core has something to do, as far as the system tells (Linux does)."""
    for thread in Path("/proc/self/task").glob("*/stat"):
        try:
            told = thread.read_text()
        except OSError:
            continue  # it has ended
        name, _, rest = told.partition(") ")
        if _THREADS in name and not rest.startswith("S"):
            return True
    return False


def _settle() -> None:
    if _runtimes:
        for runtime in _runtimes:
            keep_for_ever(runtime)
        wait_until_quiet()


# When this is imported, so that it runs after whatever the application registers later and may use jobs in.
atexit.register(_settle)
