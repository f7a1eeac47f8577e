"""Starting many jobs: some at a time, each of them tried, and one error for those that could not be started."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Sequence
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

    def __init__(self, started: Sequence[Handle], failed: Sequence[tuple[JobRequest, Exception]]) -> None:
        self.started = list(started)
        self.failed = list(failed)
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
    source = _Source(requests)
    handles: dict[int, Handle] = {}
    failed: dict[int, tuple[JobRequest, Exception]] = {}
    outage: Exception | None = None

    async def one_by_one() -> None:
        nonlocal outage
        async for number, request in source:
            if outage is not None:
                failed[number] = request, outage
                await asyncio.sleep(0)  # so that it can be cancelled, however many there are
                continue
            try:
                handles[number] = await start(request)
            except Exception as exc:  # noqa: BLE001  # whatever it is, the others are tried
                failed[number] = request, exc
                if isinstance(exc, OUTAGES) and concerns_all(exc):
                    outage = exc

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(one_by_one())
    if source.broken is not None:
        raise source.broken
    if failed:
        raise SomeNotStarted(
            [handles[number] for number in sorted(handles)], [failed[number] for number in sorted(failed)]
        )
    return [handles[number] for number in sorted(handles)]


class _Source(AsyncIterator[tuple[int, JobRequest]]):
    """The requests with their numbers, to be taken by several at a time. Ends where taking one raises."""

    def __init__(self, requests: Requests) -> None:
        self._requests = aiter(requests) if isinstance(requests, AsyncIterable) else iter(requests)
        self._one_at_a_time = asyncio.Lock()
        self._taken = 0
        self._ended = False
        self.broken: Exception | None = None

    async def __anext__(self) -> tuple[int, JobRequest]:
        async with self._one_at_a_time:
            if not self._ended:
                try:
                    if isinstance(self._requests, AsyncIterator):
                        request = await anext(self._requests)
                    else:
                        request = next(self._requests)
                except (StopIteration, StopAsyncIteration):
                    self._ended = True
                except Exception as exc:  # noqa: BLE001  # raised again when the starts under way have ended
                    self._ended, self.broken = True, exc
                else:
                    self._taken += 1
                    return self._taken, request
        raise StopAsyncIteration
