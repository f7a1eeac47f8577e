"""The relay: starts the jobs that applications have enqueued, and takes them off the outbox once Temporal has them.

Any number of relays work side by side. A relay that ends between a start and its record leaves the entry to another
one, for which the job is there already.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Collection
from datetime import timedelta

from temporalio.client import Client
from temporalio.common import MetricMeter
from temporalio.runtime import Runtime

from domain.errors import JobError
from domain.outbox import Batch, Entry, NotStarted, Outbox
from starter.errors import StarterError
from starter.relaying import OUTAGES, problem_of, start_entry, wait_before
from workflows.registry import Registry

_log = logging.getLogger(__name__)

ASIDE_FOR = timedelta(seconds=5)
"""How long an entry is left aside that met an outage alone. After a real outage the last ones wait so long, too."""
PATIENCE = timedelta(seconds=2)
"""How long entries wait for a relay whose process serves their queue, where they start fastest."""

LOOK_EVERY = timedelta(seconds=2)
"""Entries are looked for without being woken too: calls can be missed, and some entries come due later."""
_LOOK_ONCE = timedelta(milliseconds=200)
"""Drawn up to this long on top, so that many relays don't look at the same moment."""

REVIVE_EVERY = timedelta(minutes=1)
"""How often a relay looks for entries of its kinds that one which doesn't know them has refused: after an outage, or a
long queue, that one may have come first."""

_OTHER = "other"
_BACKOFF = (timedelta(seconds=0.5), timedelta(seconds=10))


class Relay:
    """Runs in a worker's process, so that jobs of its queues start eagerly there, or alone."""

    def __init__(
        self,
        outbox: Outbox,
        client: Client,
        kinds: Registry,
        *,
        queues: Collection[str] = (),
        batches: int = 4,
        batch: int = 25,
        rate: int = 500,
        patience: timedelta = PATIENCE,
        look_every: timedelta = LOOK_EVERY,
        revive_every: timedelta = REVIVE_EVERY,
        aside_for: timedelta = ASIDE_FOR,
        eager: Callable[[], bool] = lambda: True,
    ) -> None:
        """`queues` are those that workers of this very client serve; entries of other kinds wait for `patience`.

        `eager` tells whether those workers may have a job's first task with the answer to its start, whichever
        version of a worker deployment Temporal would give it to.
        At most `batches` times `batch` starts are made at once, and `rate` a second.
        """
        self._outbox = outbox
        self._client = client
        self._kinds = kinds
        self._known = kinds.names()
        self._own = kinds.names(queues)
        self._patience = patience
        self._look_every = look_every
        self._revive_every = revive_every.total_seconds()
        self._revive_at = 0.0
        self._aside_for = aside_for.total_seconds()
        self._eager = eager
        self._most_batches = batches
        self._rate = Rate(rate, burst=batch)
        # What a second allows: a batch that waits longer for its turn would be cut off by `stop`, its record lost.
        self._size = SlowStart(min(batch, rate))
        self._backoff = Backoff(*_BACKOFF)
        self._paused_until = 0.0
        self._trouble: str | None = None
        self._met: dict[int, float] = {}
        """Entries whose start met an outage, with no other beside it that was started: the next tries go without them
        until then, for the outage may be theirs alone."""
        self._work = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._counts = _Counts((client.service_client.config.runtime or Runtime.default()).metric_meter, self._known)

    async def run(self) -> None:
        """Work until cancelled, or until `stop`. Nothing that goes wrong outside ends it."""
        listening = asyncio.create_task(self._outbox.listen(self._work.set), name="outbox wake-up")
        try:
            while not self._stopping.is_set():
                await self._revive_now_and_then()
                await self._wait_for_work()
                if len(self._running) >= (self._most_batches if self._size.full else 1):
                    await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
                if not self._stopping.is_set():
                    task = asyncio.create_task(self.work_on_one_batch(), name="outbox batch")
                    self._running.add(task)
                    task.add_done_callback(self._running.discard)
            if self._running:
                await asyncio.wait(self._running)
        finally:
            listening.cancel()
            for task in self._running:
                task.cancel()
            await asyncio.gather(listening, *self._running, return_exceptions=True)

    async def stop(self, within: timedelta = timedelta(seconds=5)) -> None:
        """Take no more, and let what is being started come to its end."""
        self._stopping.set()
        self._work.set()
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=within.total_seconds())
            for task in late:
                task.cancel()  # the entries stay where they are

    async def _wait_for_work(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self._paused_until):
                await self._stopping.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout((self._look_every + _drawn()).total_seconds()):
                await self._work.wait()
        self._work.clear()

    async def work_on_one_batch(self) -> None:
        """Take a batch, start its jobs, record that. What goes wrong outside is logged, and makes others wait."""
        most = self._size.size
        now = asyncio.get_running_loop().time()
        self._met = {entry: until for entry, until in self._met.items() if until > now}
        try:
            async with self._outbox.take(
                most, own=self._own, known=self._known, patience=self._patience, without=self._met
            ) as batch:
                if not batch.entries:
                    return
                if len(batch.entries) >= most:
                    self._work.set()  # there may be more
                outage = await self._start_all(batch)
        except JobError as exc:
            self._failed("The outbox cannot be read", exc.message)
            return
        except Exception as exc:  # noqa: BLE001  # a bug of ours; the next batch may fare better
            _log.exception("A batch of the outbox failed")
            self._failed("The outbox cannot be worked on", type(exc).__name__)
            return
        self._counts.settled(batch)
        if outage is not None:
            self._failed("Jobs of the outbox cannot be started", str(outage))
            return
        self._succeeded()

    async def _start_all(self, batch: Batch) -> StarterError | None:
        """Start a batch's jobs at once; returns the outage where there is one that concerns all."""
        outages: dict[int, StarterError] = {}

        def keep(entry: Entry, why: NotStarted) -> None:
            batch.kept[entry.id] = why
            about = {"action": "outbox-entry", "entry": entry.id, "kind": entry.kind}
            about |= {"error_type": why.problem.error_type}
            if why.wait is None:
                _log.error("The start of a job was refused", extra=about)
            else:
                _log.warning("The start of a job was put off", extra=about | {"wait_seconds": why.wait.total_seconds()})

        async def start(entry: Entry) -> None:
            await self._rate.pass_one()
            if outages:
                return  # the rest fares no better
            try:
                answer = await start_entry(self._client, self._kinds, entry, eager=self._eager())
            except OUTAGES as exc:
                outages[entry.id] = exc
                return
            if answer is None:
                batch.started.append(entry.id)
            else:
                keep(entry, answer)

        await asyncio.gather(*(start(entry) for entry in batch.entries))
        if batch.started:
            # Temporal works: what failed is a part of it that these entries need, or begins to fail now.
            for entry in batch.entries:
                if entry.id in outages:
                    keep(entry, NotStarted(problem_of(outages[entry.id]), wait_before(entry)))
            return None
        if len(batch.entries) == 1:
            self._met |= dict.fromkeys(outages, asyncio.get_running_loop().time() + self._aside_for)
        return next(iter(outages.values()), None)

    async def _revive_now_and_then(self) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._revive_at:
            return
        self._revive_at = now + self._revive_every
        try:
            revived = await self._outbox.revive(self._known)
        except JobError:
            return  # said when the outbox is read
        if revived:
            self._work.set()
            _log.info("Jobs are tried again whose kind was not known before", extra={"count": revived})

    def _failed(self, what: str, why: str) -> None:
        self._size.failed()
        self._work.set()
        now = asyncio.get_running_loop().time()
        if self._paused_until <= now:  # else another batch has failed of the same
            self._paused_until = now + self._backoff.failed().total_seconds()
        if self._trouble != what:
            self._trouble = what
            _log.warning(f"{what}; they wait until it is mended", extra={"action": "outbox-waits", "why": why})

    def _succeeded(self) -> None:
        self._backoff.succeeded()
        if not self._size.full:
            self._size.succeeded()
            self._work.set()
        if self._trouble is not None:
            self._trouble = None
            _log.info("The outbox is worked on again", extra={"action": "outbox-goes-on"})


class _Counts:
    """Counters `jobs_outbox_started` and `jobs_outbox_refused`, by kind; they are there with 0 from the start."""

    def __init__(self, meter: MetricMeter, kinds: Collection[str]) -> None:
        self._started = meter.create_counter("jobs_outbox_started", "Entries of the outbox that Temporal has")
        self._refused = meter.create_counter("jobs_outbox_refused", "Entries of the outbox that were refused")
        self._kinds = kinds
        for kind in kinds:
            self._started.add(0, {"kind": kind})
            self._refused.add(0, {"kind": kind})
        self._refused.add(0, {"kind": _OTHER})

    def settled(self, batch: Batch) -> None:
        """Count what became of a batch."""
        started = set(batch.started)
        for entry in batch.entries:
            # Not whatever somebody has written there: each value would be a time series of its own.
            labels = {"kind": entry.kind if entry.kind in self._kinds else _OTHER}
            if entry.id in started:
                self._started.add(1, labels)
            elif entry.id in batch.kept and batch.kept[entry.id].wait is None:
                self._refused.add(1, labels)


def _drawn() -> timedelta:
    return random.random() * _LOOK_ONCE  # noqa: S311  # no secret


class Backoff:
    """Waits that double, each drawn from its upper half, so that many who failed together don't come back together."""

    def __init__(self, first: timedelta, longest: timedelta) -> None:
        self._first = first.total_seconds()
        self._longest = longest.total_seconds()
        self._failures = 0

    def failed(self) -> timedelta:
        """Count a failure; returns how long to wait now."""
        limit = min(self._first * 2**self._failures, self._longest)
        self._failures = min(self._failures + 1, 64)
        return timedelta(seconds=random.uniform(limit / 2, limit))  # noqa: S311  # no secret

    def succeeded(self) -> None:
        """Begin anew with the shortest wait."""
        self._failures = 0


class Rate:
    """Lets so many pass a second, after a first burst."""

    def __init__(self, a_second: int, burst: int) -> None:
        self._gap = 1 / a_second
        self._burst = burst * self._gap
        self._next = 0.0

    async def pass_one(self) -> None:
        """Return when the next one may pass. Those who wait pass in the order in which they came."""
        now = time.monotonic()
        self._next = max(self._next, now - self._burst) + self._gap
        if (wait := self._next - now) > 0:
            await asyncio.sleep(wait)


class SlowStart:
    """How much to take at a time: all there is room for; after an outage one, then twice as much each time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.size = most

    def failed(self) -> None:
        """Begin anew with one."""
        self.size = 1

    def succeeded(self) -> None:
        """Take twice as much from now on."""
        self.size = min(self.size * 2, self._most)

    @property
    def full(self) -> bool:
        """True where nothing holds it back any more."""
        return self.size == self._most
