"""A server that speaks S3, in the test's process."""

from __future__ import annotations

import urllib.request
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from pydantic import SecretStr

from adapters.settings import AwsSettings
from demo.ports import free_port

_numbers = count(1)


class S3Server:
    """Runs on one port; what it holds outlasts a stop."""

    def __init__(self) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.start()

    def start(self) -> None:
        from moto.server import ThreadedMotoServer  # imports for seconds, in each process that only collects tests

        self._server = ThreadedMotoServer("127.0.0.1", self._port, verbose=False)
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        self.stop()
        try:
            yield
        finally:
            self.start()

    def new_bucket(self) -> str:
        name = f"bucket-{next(_numbers)}"
        self._ask(name, "PUT")
        return name

    def uploads(self, bucket: str) -> int:
        """Uploads that were begun, and neither ended nor aborted."""
        listed = ElementTree.fromstring(self._ask(f"{bucket}?uploads"))  # noqa: S314  # our own server's
        return len([each for each in listed.iter() if each.tag.endswith("UploadId") and each.text])

    @property
    def aws(self) -> AwsSettings:
        return AwsSettings(
            access_key_id="tests", secret_access_key=SecretStr("secret"), region="us-east-1", endpoint_url=self.url
        )

    def _ask(self, path: str, method: str = "GET") -> bytes:
        request = urllib.request.Request(f"{self.url}/{path}", method=method)  # noqa: S310  # our own server's
        with urllib.request.urlopen(request) as answer:  # noqa: S310  # our own server's
            body: bytes = answer.read()
        return body
