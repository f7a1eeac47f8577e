"""Speaks to the shop over HTTP, as a storefront would: places orders, and follows the links of the answers."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Self

import httpx

from demo.keeping import BRIEFLY
from domain.placing import OrderOfCustomer, OrderOfNewCustomer
from domain.reports import ReportState
from starter.http.job_views import ENQUEUED, JobView
from starter.http.order_views import OrderView, PlacedOrder
from starter.http.report_views import AskedReport, NewReport, ReportView
from starter.status import JobState

AnyOrder = OrderOfCustomer | OrderOfNewCustomer

_LOOK_EVERY = 0.05
_LONGEST_PAUSE = 0.5
_PATIENCE = 30.0


@dataclass(frozen=True)
class Answer:
    """The answer to `POST /orders`."""

    status: int
    location: str
    replayed: bool
    """Whether it was given before, and nothing happened now."""
    took: timedelta
    order: PlacedOrder

    @property
    def job(self) -> str:
        """Path of the confirmation's job. Raises LookupError where the order has none yet."""
        if self.order.links.job is None:
            raise LookupError(f"order {self.order.id} has no job before it is paid")
        return self.order.links.job


class ShopClient:
    """The HTTP interface. Methods raise `httpx.HTTPError` where it is away, or refuses what it is asked for."""

    def __init__(self, url: str, key: str) -> None:
        """`url` is that of the interface, `key` an API key."""
        self.url = url
        # The environment may name a proxy, which has no business with the loopback interface.
        self._http = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"},
            trust_env=False,
            timeout=_PATIENCE,
            limits=BRIEFLY,
        )

    async def place(self, order: AnyOrder, *, key: str | None = None) -> Answer:
        """`POST /orders`, with an `Idempotency-Key` where one is given."""
        headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
        began = time.perf_counter()
        answer = await self._http.post("/orders", content=order.model_dump_json(), headers=headers)
        took = timedelta(seconds=time.perf_counter() - began)
        answer.raise_for_status()
        return Answer(
            status=answer.status_code,
            location=answer.headers.get("location", ""),
            replayed=answer.headers.get("idempotent-replayed") == "true",
            took=took,
            order=PlacedOrder.model_validate_json(answer.content),
        )

    async def ask(self, report: NewReport) -> AskedReport:
        """`POST /reports`."""
        answer = await self._http.post(
            "/reports", content=report.model_dump_json(), headers={"Content-Type": "application/json"}
        )
        return AskedReport.model_validate_json(answer.raise_for_status().content)

    async def report_ended(self, path: str, within: float) -> ReportView:
        """Look until the report is made; returns what was seen last, which after `within` seconds may be any."""
        until = time.monotonic() + within
        while True:
            view = ReportView.model_validate_json((await self._http.get(path)).raise_for_status().content)
            if view.state is not ReportState.requested or time.monotonic() > until:
                return view
            await asyncio.sleep(_LOOK_EVERY)

    async def order(self, path: str) -> OrderView:
        """How an order stands."""
        return OrderView.model_validate_json((await self._http.get(path)).raise_for_status().content)

    async def job(self, path: str) -> JobView:
        """How a job fares."""
        return JobView.model_validate_json((await self._http.get(path)).raise_for_status().content)

    async def started(self, path: str, within: float) -> JobView:
        """Look until Temporal has the job; returns what was seen last, which after `within` seconds may be any."""
        return await self._until(path, (ENQUEUED,), within)

    async def ended(self, path: str, within: float) -> JobView:
        """Look until the job has ended; returns what was seen last, which after `within` seconds may be any."""
        return await self._until(path, (ENQUEUED, JobState.running), within)

    async def _until(self, path: str, past: tuple[str, ...], within: float) -> JobView:
        until, pause = time.monotonic() + within, _LOOK_EVERY
        while (job := await self.job(path)).state in past and time.monotonic() < until:
            await asyncio.sleep(pause)
            pause = min(pause * 1.2, _LONGEST_PAUSE)
        return job

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()
