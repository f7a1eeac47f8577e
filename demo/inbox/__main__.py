"""Run the inbox by itself: `python -m demo.inbox FOLDER`."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

import uvicorn

from demo.inbox.mails import MailStore
from demo.inbox.smtp import Receiver, serve_smtp
from demo.inbox.web import application
from demo.ports import LOOPBACK


async def serve(folder: Path, *, smtp_port: int, port: int) -> None:
    """Serve until a signal stops it. Raises OSError if a port is taken."""
    store = MailStore(folder)
    receiver = Receiver(store)
    app = application(store, receiver)
    async with await serve_smtp(receiver, host=LOOPBACK, port=smtp_port):
        config = uvicorn.Config(app, host=LOOPBACK, port=port, log_level="warning", timeout_graceful_shutdown=1)
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m demo.inbox", description="A mail inbox on this machine.")
    parser.add_argument("folder", type=Path, help="where it keeps the mails")
    parser.add_argument("--smtp-port", type=int, default=1025)
    parser.add_argument("--port", type=int, default=8025, help="of the page")
    options = parser.parse_args()
    asyncio.run(serve(options.folder, smtp_port=options.smtp_port, port=options.port))
