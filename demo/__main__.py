"""`python -m demo`: real servers on this machine and a guided tour; stays up until Ctrl-C.

Exit status: 0 after Ctrl-C or, with --once, if every expectation was met; 1 if one was not, or a part failed.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path
from typing import NoReturn

from adapters.process import leave

_PROJECT = Path(__file__).resolve().parents[1]


def main() -> NoReturn:
    """Read the command line, and do it."""
    about, _, more = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="python -m demo", description=about, epilog=more, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--once", action="store_true", help="end after the tour")
    parser.add_argument("--verbose", action="store_true", help="show links to every job and mail")
    parser.add_argument("--folder", type=Path, default=_PROJECT / ".demo", help="where data is kept (default: .demo)")
    parser.add_argument("--any-ports", action="store_true", help="listen on any free ports, not on the usual ones")
    chosen = parser.parse_args()
    # Nothing runs yet that would have to be stopped: end without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    leave(_run(chosen), flush_within=5)


def _run(chosen: argparse.Namespace) -> int:
    # Here, since it takes a while: until the demo handles it, Ctrl-C just ends us.
    from demo.part import PartFailed
    from demo.running import Demo, Options, PartDied
    from demo.stack import FolderInUse
    from domain.errors import JobError
    from starter import StarterError

    options = Options(chosen.folder, chosen.once, chosen.any_ports, chosen.verbose)
    try:
        return asyncio.run(Demo(options).run())
    except SystemExit:  # from rich, for a closed pipe: `| head` has seen enough
        return 128 + signal.SIGPIPE
    except (PartDied, PartFailed, FolderInUse, JobError, StarterError) as exc:
        sys.stderr.write(f"\ndemo: {exc}\n")
    return 1


if __name__ == "__main__":
    main()
