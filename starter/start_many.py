"""Starting many jobs: some at a time, each of them tried, and one error for those that could not be started."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from itertools import count
from typing import Generic, TypeVar

from domain.requests import JobRequest
from starter.errors import InvalidStart, StarterError
from starter.relaying import OUTAGES, concerns_all

Handle = TypeVar("Handle")

Requests = Iterable[JobRequest] | AsyncIterable[JobRequest]


class SomeNotStarted(StarterError, Generic[Handle], type_name="SomeNotStarted"):
    """Some of many jobs could not be started; all others were tried.

    `started` has the handles of those that were, in the order of their requests; `failed` each other request with its
    error. Calling `start_many` again, with those that failed or with all, is safe: what is there is not started twice.
    """

    def __init__(
        self,
        started: Sequence[Handle],
        failed: Sequence[tuple[JobRequest, Exception]],
        outage: Exception | None = None,
    ) -> None:
        self.started = list(started)
        self.failed = list(failed)
        self.outage = outage
        """The error after which the rest was not tried, if there was one."""
        request, first = self.failed[0]
        name = request.workflow_id if isinstance(request, JobRequest) else repr(request)
        super().__init__(
            f"{len(self.failed)} of {len(self.started) + len(self.failed)} jobs could not be started. The first is "
            f"{name}: {type(first).__name__}: {first} Call start_many again with those that failed (`[request for "
            f"request, _ in error.failed]`) or with all: what was started is not started twice."
        )


async def start_many(
    requests: Requests, start: Callable[[JobRequest], Awaitable[Handle]], *, concurrency: int
) -> list[Handle]:
    """Call `start` with each request, at most `concurrency` at a time; returns the handles in the requests' order.

    Requests are taken one by one, as starts end. After an error that all others would meet too, the rest is not tried.
    Raises SomeNotStarted; InvalidStart for a `concurrency` below 1; and what taking the requests raises, once the
    starts under way have ended.
    """
    if concurrency < 1:
        raise InvalidStart("concurrency: at least 1")
    handles: dict[int, Handle] = {}
    failed: dict[int, tuple[JobRequest, Exception]] = {}
    outage: Exception | None = None
    broken: Exception | None = None
    free = asyncio.Semaphore(concurrency)

    async def start_one(number: int, request: JobRequest) -> None:
        nonlocal outage
        try:
            handles[number] = await start(request)
        except Exception as exc:  # noqa: BLE001  # whatever it is, the others are tried
            failed[number] = request, exc
            if isinstance(exc, OUTAGES) and concerns_all(exc):
                outage = exc
        finally:
            free.release()

    source = _each(requests)
    async with asyncio.TaskGroup() as group:
        for number in count():
            await free.acquire()
            try:
                request = await anext(source)
            except StopAsyncIteration:
                break
            except Exception as exc:  # noqa: BLE001  # raised when the starts under way have ended
                broken = exc
                break
            if outage is None:
                group.create_task(start_one(number, request))
            else:
                failed[number] = request, outage
                free.release()
                await asyncio.sleep(0)  # so that it can be cancelled, however many there are
    if broken is not None:
        raise broken
    if failed:
        raise SomeNotStarted(
            [handles[number] for number in sorted(handles)], [failed[number] for number in sorted(failed)], outage
        )
    return [handles[number] for number in sorted(handles)]


async def _each(requests: Requests) -> AsyncIterator[JobRequest]:
    if isinstance(requests, AsyncIterable):
        async for request in requests:
            yield request
    else:
        for request in requests:
            yield request
