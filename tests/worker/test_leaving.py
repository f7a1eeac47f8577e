"""The end of a process: what was written is kept, the status is its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def python(code: str, *, read: bool = True) -> tuple[int, str]:
    """Run code in a process; with `read` off, nobody reads what it writes."""
    command = [sys.executable, "-c", code]
    # Buffered, as standard output is where nobody says otherwise.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    if read:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        return done.returncode, done.stdout
    reading, writing = os.pipe()
    try:
        return subprocess.run(
            command, cwd=ROOT, env=environment, stdout=writing, timeout=60, check=False
        ).returncode, ""
    finally:
        os.close(reading)
        os.close(writing)


def test_what_was_written_and_logged_is_kept() -> None:
    status, out = python(
        "import sys; from adapters.process import leave; from adapters.telemetry import logs; import logging\n"
        "logs.configure(format='json', level='INFO')\n"
        "for n in range(500): logging.info('line %s', n)\n"
        "leave(7)"
    )

    assert status == 7
    assert len(out.splitlines()) == 500


def test_nothing_of_the_interpreters_own_end_runs() -> None:
    status, out = python(
        "import atexit; from adapters.process import leave\natexit.register(print, 'at exit')\nleave(0)"
    )

    assert (status, out) == (0, "")


def test_a_reader_who_has_gone_changes_nothing() -> None:
    status, _ = python(
        "import os, sys; from adapters.process import leave\n"
        "r, w = os.pipe(); os.dup2(w, 1); os.close(w); os.close(r)\n"
        "sys.stdout.write('nobody reads this'); leave(3)"
    )

    assert status == 3


def test_a_reader_who_has_stopped_reading_keeps_a_process_only_so_long() -> None:
    status, _ = python(
        "import sys; from adapters.process import leave; from adapters.telemetry import logs; import logging\n"
        "logs.configure(format='json', level='INFO')\n"
        "for n in range(5000): logging.info('line %s', n)\n"
        "leave(5, flush_within=0.5)",
        read=False,
    )

    assert status == 5
