"""An alert channel by Apprise, which knows a hundred services by their URLs: mail, chats, pagers, plain HTTP.

Apprise is synchronous, tells failures by False, and explains them in its log alone, which names recipients and hosts,
and holds tokens at DEBUG. So it runs in threads with a time limit of our own, its log goes nowhere, and of its reasons
only a status code is passed on.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from apprise import Apprise, AppriseAsset, NotifyBase, NotifyFormat, NotifyType

from domain.alerts import AlertMessage
from domain.errors import InvalidRequest, OutcomeUnknown, ServiceUnavailable, TransientError

# Its own time limit would have it use threads of its own, besides ours.
_ASSET = AppriseAsset(app_id="durable-jobs", app_desc="Durable background jobs", secure_logging=True, service_timeout=0)
_LOG = logging.getLogger("apprise")
_LOG.propagate = False

with warnings.catch_warnings():
    # All its services are imported with the first one that is made. What they warn of is theirs to mend.
    warnings.simplefilter("ignore", DeprecationWarning)
    Apprise.instantiate("json://localhost", asset=_ASSET)

_CODE = re.compile(r"(?:error[=:]\s*|refused: )(\d{3})\b")


class AppriseChannel:
    """Implements `domain.alerts.AlertChannel`."""

    def __init__(self, url: str, *, number: int, timeout: float, threads: Executor) -> None:
        """`number`: which of the setting's URLs it is; `timeout` in seconds.

        Raises InvalidRequest, without the URL, where Apprise cannot use it. Connects to nothing.
        """
        self._url = url
        self._timeout = timeout
        self._threads = threads
        service = _checked(url, f"Number {number} of ALERT_URLS")
        # By what is no secret, so that it stays the same when a password is changed.
        shape = hashlib.sha256(str(service.url(privacy=True)).encode()).hexdigest()  # type: ignore[no-untyped-call]  # Apprise's
        self.name = f"{service.schema}-{shape[:8]}"

    async def send(self, message: AlertMessage) -> str:
        """Send a message; returns a short answer.

        Raises OutcomeUnknown where it took too long, ServiceUnavailable where the other side did not take it: what is
        wrong with a URL is mended in the settings, and retries wait for that.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout):
                failure = await loop.run_in_executor(self._threads, self._notify, message)
        except TimeoutError:
            raise OutcomeUnknown(
                f"The alert channel {self.name} did not answer within {self._timeout:g} s (ALERT_TIMEOUT): whether the "
                f"message arrived is unknown."
            ) from None
        if failure is not None:
            raise failure
        return "accepted"

    def _notify(self, message: AlertMessage) -> TransientError | None:
        """In a thread. A service is not to be shared between threads, so each message makes one."""
        service = _service(self._url)
        if service is None:
            return ServiceUnavailable(f"Apprise cannot use the URL of the alert channel {self.name} any more.")
        # Of mail and plain HTTP, so that a receiver can tell a message that comes again.
        if isinstance(headers := getattr(service, "headers", None), dict):
            headers["Idempotency-Key"] = message.reference
        sender = Apprise(asset=_ASSET)
        sender.add(service)
        result = sender.notify(
            body=message.text, title=message.title, notify_type=NotifyType.WARNING, body_format=NotifyFormat.TEXT
        )
        if result:
            return None
        codes = sorted({code for entry in result.logs() for code in _CODE.findall(entry.message)})
        why = f" (it says {', '.join(codes)})" if codes else ""
        return ServiceUnavailable(
            f"The alert channel {self.name} did not take the message{why}: see whether it is up, and whether its URL "
            f"in ALERT_URLS is still right."
        )


def _checked(url: str, which: str) -> NotifyBase:
    with _warnings() as warned:
        service = _service(url)
    if service is None or warned:
        # A warning is a part of the URL that would be ignored, such as an address that is none.
        raise InvalidRequest(f"{which} is no URL that Apprise can use; see https://appriseit.com/services/.")
    if len(service) > 1:
        raise InvalidRequest(
            f"{which} names several recipients: give each a URL of its own, so that what reached one is not sent to it "
            f"again when another fails."
        )
    return service


def _service(url: str) -> NotifyBase | None:
    service = Apprise.instantiate(url, asset=_ASSET)
    if service is not None:
        # Our own policy tries again, and knows what has arrived; and what is optional nobody would hear of.
        service.retry, service.optional = 0, False
    return service


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """What Apprise warns of in this thread."""
    said: list[str] = []
    here = threading.get_ident()

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == here:
                said.append(record.levelname)

    listening = Listening(logging.WARNING)
    _LOG.addHandler(listening)
    try:
        yield said
    finally:
        _LOG.removeHandler(listening)
