"""The mail inbox as a part of the stack."""

from __future__ import annotations

import http.client
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from demo.part import Part, Say, silent
from demo.ports import LOOPBACK

_PROJECT = Path(__file__).resolve().parents[2]


class Inbox(Part):
    """An SMTP server that keeps every mail, and a page that shows them."""

    name: ClassVar[str] = "inbox"

    def __init__(
        self, folder: Path, *, smtp_port: int, port: int, log: Path, say: Say = silent, keep_open: Sequence[int] = ()
    ) -> None:
        """Keep the mails in `folder`; `port` is that of the page."""
        super().__init__(log=log, say=say, keep_open=keep_open)
        self.folder = folder.resolve()
        self.smtp_port = smtp_port
        self.port = port

    @property
    def url(self) -> str:
        """Of the page."""
        return f"http://{LOOPBACK}:{self.port}"

    def command(self) -> list[str]:
        """See `python -m demo.inbox --help`."""
        options = ["--smtp-port", str(self.smtp_port), "--port", str(self.port)]
        return [sys.executable, "-m", "demo.inbox", str(self.folder), *options]

    def environment(self) -> dict[str, str]:
        """Ours, and where this package lies, which need not be installed."""
        path = [str(_PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "PYTHONUNBUFFERED": "1"}

    def ready(self) -> bool:
        """The page answers only once the SMTP server listens."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=2)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
