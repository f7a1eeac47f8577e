"""Run the payment provider by itself: `python -m demo.payments FOLDER`."""

from __future__ import annotations

import argparse
from pathlib import Path

import uvicorn

from demo.payments.book import Book
from demo.payments.callbacks import Callbacks
from demo.payments.connections import Connections
from demo.payments.web import application
from demo.ports import LOOPBACK


def main() -> None:
    """Read the command line, and serve until a signal stops it."""
    parser = argparse.ArgumentParser(prog="python -m demo.payments", description="A payment provider on this machine.")
    parser.add_argument("folder", type=Path, help="where it keeps the payments")
    parser.add_argument("--port", type=int, default=8026)
    options = parser.parse_args()
    connections = Connections()
    uvicorn.run(
        application(Book(options.folder), Callbacks(options.folder / "callbacks.json"), connections),
        host=LOOPBACK,
        port=options.port,
        http=connections.protocol(),
        log_level="warning",
        timeout_graceful_shutdown=1,
        # Longer than clients keep a connection, so that none is closed on them while they send.
        timeout_keep_alive=60,
    )


if __name__ == "__main__":
    main()
