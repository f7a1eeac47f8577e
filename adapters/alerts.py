"""Alert channels by Apprise, which reaches a hundred services by their URLs: mail, chats, pagers, plain HTTP.

Apprise is synchronous, reports a failure as False, and explains it only in its log, which names recipients and hosts,
and tokens at DEBUG. So it runs in threads with our own time limit, its log goes nowhere, and of its explanations only a
status code is passed on. Importing it takes a quarter of a second and 25 MB, so that waits for the first channel.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import threading
import warnings
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from adapters.job_settings import AlertSettings
from domain.alerts import AlertChannel, AlertMessage
from domain.errors import InvalidRequest, OutcomeUnknown, ServiceUnavailable, TransientError

if TYPE_CHECKING:
    from apprise import NotifyBase

MAX_CONCURRENCY = 2
"""Jobs that send alerts at the same time. Each sends to all channels; many alerts about the same are one job."""

_MAX_THREADS = 32
"""Includes those whose message was given up and that have not noticed yet."""

_LOG = logging.getLogger("apprise")
_LOG.propagate = False
_STATUS_CODE = re.compile(r"(?:error[=:]\s*|refused: )(\d{3})\b")


class AppriseChannels:
    """Implements `domain.alerts.AlertChannels`."""

    def __init__(self, settings: AlertSettings, *, web_ui: str) -> None:
        """One channel per URL; connects to nothing. Raises InvalidRequest if one cannot be used."""
        urls = settings.all_urls
        if len(set(urls)) < len(urls):
            raise InvalidRequest("ALERT_URLS has the same URL twice: leave one of them.")
        self.web_ui = web_ui
        self._threads = ThreadPoolExecutor(_MAX_THREADS, thread_name_prefix="alerts")
        with warnings.catch_warnings():
            # The first channel imports all services, and some of them are deprecated.
            warnings.simplefilter("ignore", DeprecationWarning)
            channels = [
                AppriseChannel(url, number=number, timeout=settings.timeout, threads=self._threads)
                for number, url in enumerate(urls, start=1)
            ]
        seen: Counter[str] = Counter()
        for channel in channels:
            seen[channel.name] += 1
            if seen[channel.name] > 1:
                # They differ only in their secrets.
                channel.name = f"{channel.name}-{seen[channel.name]}"
        self.all: Sequence[AlertChannel] = channels

    async def probe(self) -> str:
        """Name the channels. Sends nothing: a check is no alert."""
        names = ", ".join(channel.name for channel in self.all)
        return names or "none (ALERT_URLS): alerts are stored and logged as errors, and not sent"

    def close(self) -> None:
        """Wait for nothing: a thread that hangs ends by its own time limits."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class AppriseChannel:
    """Implements `domain.alerts.AlertChannel`."""

    def __init__(self, url: str, *, number: int, timeout: float, threads: ThreadPoolExecutor) -> None:
        """`number`: the URL's place in the setting; `timeout` in seconds. Raises InvalidRequest, without the URL."""
        self._url = url
        self._timeout = timeout
        self._threads = threads
        listener = _WarningCounter()
        _LOG.addHandler(listener)
        service = _service(url)
        _LOG.removeHandler(listener)
        # A warning is about a part of the URL that would be ignored, such as an address that is none.
        if service is None or listener.count:
            raise InvalidRequest(
                f"Number {number} of ALERT_URLS is no URL that Apprise can use; see https://appriseit.com/services/."
            )
        if len(service) > 1:
            raise InvalidRequest(
                f"Number {number} of ALERT_URLS names several recipients: give each a URL of its own, so that what "
                f"reached one is not sent to it again when another fails."
            )
        # Without secrets, so that it stays the same when a password is changed.
        public = hashlib.sha256(str(service.url(privacy=True)).encode()).hexdigest()  # type: ignore[no-untyped-call]  # Apprise's
        self.name = f"{service.schema}-{public[:8]}"

    async def send(self, message: AlertMessage) -> str:
        """Send a message; returns a short answer.

        Raises OutcomeUnknown if it took too long, ServiceUnavailable if the other side did not take it: a wrong URL is
        fixed in the settings, and retries wait for that.
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
        """In a thread. Threads must not share a service, so each message makes one."""
        from apprise import Apprise, NotifyFormat, NotifyType

        service = _service(self._url)
        if service is None:
            return ServiceUnavailable(f"Apprise cannot use the URL of the alert channel {self.name} any more.")
        # Mail and plain HTTP have headers, by which a receiver can recognise a message that comes again.
        if isinstance(headers := getattr(service, "headers", None), dict):
            headers["Idempotency-Key"] = message.reference
        sender = Apprise(asset=service.asset)
        sender.add(service)
        result = sender.notify(
            body=message.text, title=message.title, notify_type=NotifyType.WARNING, body_format=NotifyFormat.TEXT
        )
        if result:
            return None
        codes = sorted({code for entry in result.logs() for code in _STATUS_CODE.findall(entry.message)})
        why = f" (it says {', '.join(codes)})" if codes else ""
        return ServiceUnavailable(
            f"The alert channel {self.name} did not take the message{why}: see whether it is up, and whether its URL "
            f"in ALERT_URLS is still right."
        )


class _WarningCounter(logging.Handler):
    """Counts Apprise's warnings in the thread that made it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.count = 0
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        self.count += record.thread == self._thread


def _service(url: str) -> NotifyBase | None:
    from apprise import Apprise, AppriseAsset

    # A time limit of Apprise's own would make it use more threads.
    asset = AppriseAsset(
        app_id="durable-jobs", app_desc="Durable background jobs", secure_logging=True, service_timeout=0
    )
    service = Apprise.instantiate(url, asset=asset)
    if service is not None:
        # Our own policy retries, and knows what has arrived; an optional service would hide its failure.
        service.retry, service.optional = 0, False
    return service
