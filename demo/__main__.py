"""`python -m demo`: real servers on this machine and a guided tour; stays up until Ctrl-C.

Exit status: 0 after Ctrl-C or, with --once, where every expectation held; 1 where one did not, or a part failed.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import traceback
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
    parser.add_argument(
        "--folder", type=Path, default=_PROJECT / ".demo", help="where everything is kept (default: .demo)"
    )
    parser.add_argument("--any-ports", action="store_true", help="listen on any free ports, not on the usual ones")
    chosen = parser.parse_args()
    # Nothing is there to be stopped yet, and nobody wants a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    leave(_run(chosen.folder, once=chosen.once, any_ports=chosen.any_ports), flush_within=5)


def _run(folder: Path, *, once: bool, any_ports: bool) -> int:
    # Here, since it takes a while: until the demo handles it, Ctrl-C just ends us.
    import httpx

    from demo.display import Display, ReaderLeft
    from demo.lock import FolderInUse
    from demo.part import PartFailed
    from demo.ports import PortTaken
    from demo.running import Demo, Options, PartDied
    from domain.errors import JobError
    from starter import StarterError

    display = Display()
    try:
        return asyncio.run(Demo(Options(folder, once, any_ports), display).run())
    except ReaderLeft:
        return 128 + signal.SIGPIPE
    except (PartDied, PartFailed, FolderInUse, PortTaken, JobError, StarterError) as exc:
        sys.stderr.write(f"\ndemo: {exc}\n")
    except httpx.HTTPError as exc:
        problem = f"{exc.response.status_code}" if isinstance(exc, httpx.HTTPStatusError) else type(exc).__name__
        sys.stderr.write(f"\ndemo: {exc.request.url} does not answer as it should ({problem}). Try again.\n")
    except Exception:  # noqa: BLE001  # a bug of ours: its traceback is the report
        traceback.print_exc()
    return 1


if __name__ == "__main__":
    main()
