"""`python -m starter`, installed as `jobs`: the command line of people who start jobs and look after them."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import NoReturn

from adapters.process import leave
from starter.cli.app import run


def main() -> NoReturn:
    """Run the command line that the process was started with, and end the process."""
    name = Path(sys.argv[0]).name
    # Shells have a command `jobs` of their own, so that this name works from other programs only.
    status = run(sys.argv[1:], "python -m starter" if name in ("__main__.py", "jobs") else name)
    # A last Ctrl-C must not lead to the interpreter's own way out.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    leave(status)


if __name__ == "__main__":
    main()
