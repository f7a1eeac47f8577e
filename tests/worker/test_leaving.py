"""The end of a process: what was written is kept, the status is its own, and a stuck reader does not keep it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMPORTS = "import atexit, logging, os, sys; from adapters.process import leave; from adapters.telemetry import logs\n"
LOGGING = "logs.configure(format='json', level='INFO')\nfor n in range({}): logging.info('line %s', n)\n"
READER_GONE = "r, w = os.pipe(); os.dup2(w, 1); os.close(w); os.close(r)\nsys.stdout.write('unread')\n"


@pytest.mark.parametrize(
    ("code", "read", "status", "lines"),
    [
        (f"{LOGGING.format(500)}leave(7)", True, 7, 500),
        ("atexit.register(print, 'at exit'); leave(0)", True, 0, 0),
        (f"{READER_GONE}leave(3)", True, 3, 0),
        (f"{LOGGING.format(5000)}leave(5, flush_within=0.5)", False, 5, None),
    ],
    ids=["logs are kept", "nothing of the interpreter's end runs", "reader gone", "reader has stopped reading"],
)
def test_a_process_ends_with_its_status_and_what_it_wrote(
    code: str, status: int, lines: int | None, *, read: bool
) -> None:
    # Buffered, as standard output is by default.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    reading, writing = os.pipe()
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS + code],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE if read else writing,
        timeout=60,
        check=False,
    )
    os.close(reading)
    os.close(writing)

    assert done.returncode == status
    assert lines is None or len(done.stdout.splitlines()) == lines
