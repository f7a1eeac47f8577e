"""The payment provider as a part of the stack."""

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


class PaymentProviderPart(Part):
    """An HTTP server that speaks Stripe's interface, and a page that shows its payments."""

    name: ClassVar[str] = "payments"

    def __init__(self, folder: Path, *, port: int, log: Path, say: Say = silent, keep_open: Sequence[int] = ()) -> None:
        """Keep the payments in `folder`."""
        super().__init__(log=log, say=say, keep_open=keep_open)
        self.folder = folder.resolve()
        self.port = port

    @property
    def url(self) -> str:
        """Of its interface, and of its page."""
        return f"http://{LOOPBACK}:{self.port}"

    def command(self) -> list[str]:
        """See `python -m demo.payments --help`."""
        return [sys.executable, "-m", "demo.payments", str(self.folder), "--port", str(self.port)]

    def environment(self) -> dict[str, str]:
        """Ours, and where this package lies, which need not be installed."""
        path = [str(_PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "PYTHONUNBUFFERED": "1"}

    def ready(self) -> bool:
        """It answers."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=2)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
