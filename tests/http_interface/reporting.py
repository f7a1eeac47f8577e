"""A shop whose reports are asked for over HTTP; their files are made by the tests themselves."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from pydantic import SecretStr

from adapters.db.report_desk import SqlReportDesk
from adapters.db.reports import SqlReports
from adapters.reports.links import SignedLinks
from adapters.reports.storage import ReportStorage, file_key
from adapters.settings import ReportSettings
from domain.reports import ReportFile
from tests.http_interface.serving import Served, client_of, new_key

CONTENT = b"order_id,placed_at\r\n" + b"1042,2026-11-24T08:30:00Z\r\n" * 40_000  # in pieces, both read and sent
SECRET = "what links of tests are signed with"

_days = count()


def new_report(**changes: Any) -> dict[str, Any]:
    """Of a day of its own, since the database is shared."""
    day = date(2001, 1, 1) + timedelta(days=next(_days))
    return {"report": "orders-export", "period": day.isoformat(), "format": "csv", **changes}


@dataclass(frozen=True)
class ReportingShop:
    served: Served
    storage: ReportStorage
    links: SignedLinks
    book: SqlReports
    member: int
    folder: Path

    @property
    def http(self) -> httpx.AsyncClient:
        return self.served.http

    def without_key(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.served.url, trust_env=False, timeout=30)

    async def with_key(self, name: str) -> httpx.AsyncClient:
        return client_of(self.served.url, await new_key(self.served.engine, name))

    async def ask(self, body: Any = None, key: str | None = None, **changes: Any) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        return await self.http.post("/reports", json=(body or new_report()) | changes, headers=headers)

    async def asked(self, **changes: Any) -> UUID:
        answer = await self.ask(**changes)
        assert answer.status_code == 202, answer.text
        return UUID(answer.json()["id"])

    async def made(self, content: bytes = CONTENT, says: int | None = None) -> UUID:
        """A report that is ready."""
        report_id = await self.asked()
        await self.make(report_id, content, says)
        return report_id

    async def make(self, report_id: UUID, content: bytes, says: int | None = None) -> None:
        """`says`: how many bytes it has, by what is known of it."""
        report = await SqlReportDesk(self.served.engine).find(report_id)
        assert report is not None
        key = file_key(report)
        async with self.storage.writing(key) as sink:
            await sink.write(content)
        length = len(content) if says is None else says
        file = ReportFile(key=key, rows=1, bytes=length, sha256=hashlib.sha256(content).hexdigest())
        await self.book.ready(report_id, file)

    def token(self, report_id: UUID) -> str:
        return self.links.link(report_id).partition("?token=")[2]


@asynccontextmanager
async def reporting(served: Served, folder: Path) -> AsyncIterator[ReportingShop]:
    """Have a server find reports in this folder."""
    before = served.app.state.parts
    settings = ReportSettings(store=str(folder), link_secrets=SecretStr(SECRET))
    storage, links = ReportStorage(settings.folder, "folder"), SignedLinks(settings)
    served.replace(report_files=storage, report_links=links)
    [(member,)] = await served.run(
        "INSERT INTO staff (name, email, locale) VALUES ('Grace Hopper', 'grace@example.com', 'en_US') RETURNING id"
    )
    yield ReportingShop(served, storage, links, SqlReports(served.engine), member, folder)
    served.app.state.parts = before
