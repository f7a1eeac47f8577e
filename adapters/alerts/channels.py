"""All the channels by which people are told of alerts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from adapters.job_settings import AlertSettings
from domain.alerts import AlertChannel
from domain.errors import InvalidRequest

_THREADS = 32
"""Most messages under way, those included that were given up and whose thread has still to notice."""

AT_ONCE = 2
"""Jobs that tell at a time. Each sends to all channels; many alerts about the same are one job."""


class Channels:
    """Implements `domain.alerts.AlertChannels`."""

    def __init__(self, settings: AlertSettings, *, web_ui: str) -> None:
        """Make a channel of each URL; connects to nothing. Raises InvalidRequest where one cannot be used."""
        self.web_ui = web_ui
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="alerts")
        self.all: Sequence[AlertChannel] = _channels(settings, self._threads) if settings.all_urls else ()

    async def probe(self) -> str:
        """Name the channels. Sends nothing: nobody wants to be alerted of a check."""
        names = ", ".join(channel.name for channel in self.all)
        return names or "none (ALERT_URLS): alerts are kept, and are errors in the log; nobody is told"

    def close(self) -> None:
        """Wait for nothing: a thread that hangs ends by its own time limits."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _channels(settings: AlertSettings, threads: ThreadPoolExecutor) -> Sequence[AlertChannel]:
    # Only where there is one: importing Apprise and its services takes a quarter of a second and 25 MB.
    from adapters.alerts.apprise_channel import AppriseChannel

    if len(set(settings.all_urls)) < len(settings.all_urls):
        raise InvalidRequest("ALERT_URLS has the same URL twice: leave one of them.")
    made = [
        AppriseChannel(url, number=number, timeout=settings.timeout, threads=threads)
        for number, url in enumerate(settings.all_urls, start=1)
    ]
    seen: Counter[str] = Counter()
    for channel in made:
        seen[channel.name] += 1
        if (times := seen[channel.name]) > 1:
            # They differ in their secrets alone.
            channel.name = f"{channel.name}-{times}"
    return made
