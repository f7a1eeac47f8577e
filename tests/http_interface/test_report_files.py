"""Downloading reports: by key or by link, whole or in part, and never half of one that looks whole."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr

from adapters.reports.links import SignedLinks
from adapters.settings import ReportSettings
from domain.errors import InvalidRequest, JobError, ServiceUnavailable
from domain.reports import ReportFile, ReportState
from tests.http_interface.reporting import CONTENT, SECRET, ReportingShop, reporting
from tests.http_interface.serving import PROBLEM, Served

MEBIBYTE = 1024 * 1024


@pytest.fixture
async def shop(shared: Served, tmp_path: Path) -> AsyncIterator[ReportingShop]:
    async with reporting(shared, tmp_path) as shop:
        yield shop


async def test_a_report_is_downloaded_with_all_that_is_known_of_it(shop: ReportingShop) -> None:
    report_id = await shop.made()
    shown = (await shop.http.get(f"/reports/{report_id}")).json()
    answer = await shop.http.get(shown["links"]["file"])
    expected = {
        "content-type": "text/csv; charset=utf-8; header=present",
        "content-length": str(len(CONTENT)),
        "content-disposition": f'attachment; filename="{shown["file"]["name"]}"',
        "etag": f'"{shown["file"]["sha256"]}"',
        "accept-ranges": "bytes",
        "cache-control": "private, no-store",
        "x-content-type-options": "nosniff",
    }
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert {name: answer.headers.get(name) for name in expected} == expected
    head = await shop.http.head(shown["links"]["file"])
    assert (head.status_code, head.content) == (200, b"")
    assert {name: head.headers.get(name) for name in expected} == expected
    await shop.make(empty := await shop.asked(), b"")
    answer = await shop.http.get(f"/reports/{empty}/file", headers={"Range": "bytes=0-"})
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */0")
    answer = await shop.http.get(f"/reports/{empty}/file")
    assert (answer.status_code, answer.content) == (200, b"")


async def test_a_download_that_broke_off_goes_on(shop: ReportingShop) -> None:
    size = len(CONTENT)
    path = f"/reports/{await shop.made()}/file"
    tag = (await shop.http.head(path)).headers["etag"]

    async def part(wanted: str, **headers: str) -> httpx.Response:
        return await shop.http.get(path, headers={"Range": wanted, **headers})

    for wanted, start, end in (
        ("bytes=0-0", 0, 1),
        (f"bytes={MEBIBYTE}-", MEBIBYTE, size),
        (f"bytes=5-{size + 100}", 5, size),
        ("bytes=-7", size - 7, size),
    ):
        answer = await part(wanted, **{"If-Range": tag})
        assert (answer.status_code, answer.content) == (206, CONTENT[start:end]), wanted
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
        assert answer.headers["content-length"] == str(end - start)
    answer = await part("bytes=0-1", **{"If-Range": '"another"'})
    assert (answer.status_code, answer.content) == (200, CONTENT)
    for wanted in ("bytes=x-", "lines=0-1"):
        answer = await part(wanted)
        assert (answer.status_code, answer.headers["content-type"]) == (400, PROBLEM), wanted
    answer = await part(f"bytes={size}-")
    assert (answer.status_code, answer.headers["content-type"]) == (416, PROBLEM)
    assert answer.headers["content-range"] == f"bytes */{size}"


class Elsewhere:
    """Files in a bucket, or one that cannot be reached."""

    def __init__(self, place: str | JobError) -> None:
        self._place = place

    async def locate(self, file: ReportFile, method: str) -> str:
        if isinstance(self._place, JobError):
            raise self._place
        return f"{self._place}/{file.key}?signed-for={method}"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_file_in_a_bucket_is_downloaded_from_there(shop: ReportingShop, method: str) -> None:
    report_id = await shop.made()
    shop.served.replace(report_files=Elsewhere("https://reports.example.com"))
    answer = await shop.http.request(method, f"/reports/{report_id}/file")
    assert answer.status_code == 307
    assert answer.headers["location"].startswith(f"https://reports.example.com/files/{report_id}/orders-export-")
    assert answer.headers["location"].endswith(f"?signed-for={method}")
    assert answer.headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize(
    ("error", "retry_after"), [(ServiceUnavailable("s3cret"), "5"), (InvalidRequest("s3cret"), "300")]
)
async def test_a_storage_that_cannot_be_used_is_reported_before_the_first_byte(
    shop: ReportingShop, error: JobError, retry_after: str
) -> None:
    report_id = await shop.made()
    shop.served.replace(report_files=Elsewhere(error))
    answer = await shop.http.get(f"/reports/{report_id}/file")
    assert (answer.status_code, answer.headers["content-type"]) == (503, PROBLEM)
    assert answer.headers["retry-after"] == retry_after
    assert "storage of reports" in answer.json()["detail"]
    assert "s3cret" not in answer.text


async def test_a_client_that_reads_no_more_is_cut_off(shop: ReportingShop, caplog: pytest.LogCaptureFixture) -> None:
    length = 2**32
    report_id = await shop.made(says=length)
    [found] = [found async for found in shop.storage.stored(f"files/{report_id}/")]
    os.truncate(shop.folder / found.key, length)  # a file with a hole: it takes no space
    shop.served.replace(request_timeout=timedelta(seconds=0.5))
    address = urlsplit(shop.served.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    head = f"GET /reports/{report_id}/file HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {shop.served.key}\r\n\r\n"
    writer.write(head.encode())
    assert b" 200 " in (await reader.readuntil(b"\r\n\r\n")).splitlines()[0]
    async with asyncio.timeout(30):
        while not (logged := [each for each in caplog.records if each.name == "starter.http.middleware"]):  # noqa: ASYNC110  # a log has no event
            await asyncio.sleep(0.05)
    rest = 0
    while piece := await reader.read(MEBIBYTE):
        rest += len(piece)
    writer.close()
    assert 0 < rest < length
    assert [(each.levelno, each.__dict__["waited_for"]) for each in logged] == [(logging.WARNING, "the client")]


async def test_a_link_is_good_for_its_report_without_a_key(shop: ReportingShop) -> None:
    report_id, other = await shop.made(), await shop.made()
    link = urlsplit(shop.links.link(report_id))
    ended = SignedLinks(ReportSettings(link_secrets=SecretStr(SECRET), link_lifetime=timedelta(0))).link(report_id)
    forged = SignedLinks(ReportSettings(link_secrets=SecretStr("a secret of somebody else"))).link(report_id)
    async with shop.without_key() as http:
        answer = await http.get(f"{link.path}?{link.query}")
        assert (answer.status_code, answer.content) == (200, CONTENT)
        assert (await http.head(f"{link.path}?{link.query}")).status_code == 200
        token = shop.token(report_id)
        refused = [
            shop.token(other),
            *(each.partition("=")[2] for each in (ended, forged)),
            "x",
            token[:-9],
            "%C3%A9%00",
        ]
        for bad in refused:
            answer = await http.get(f"/reports/{report_id}/file?token={bad}")
            assert (answer.status_code, answer.headers["content-type"]) == (403, PROBLEM), bad
            assert answer.json()["type"] == "urn:durable-jobs:problem:invalid-link"
        assert (await http.get(f"/reports/{report_id}?token={token}")).status_code == 401  # it is for the file alone
        for none in ("", "?token="):
            assert (await http.get(f"/reports/{report_id}/file{none}")).status_code == 401
    # Whoever has a key that is good needs no link that is.
    assert (await shop.http.get(f"/reports/{report_id}/file?token=x")).status_code == 200


async def test_tokens_are_kept_out_of_the_log_of_requests(
    shop: ReportingShop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "uvicorn.access")
    report_id = await shop.made()
    async with shop.without_key() as http:
        link = f"/reports/{report_id}/file?a=b&token={shop.token(report_id)}&c=d"
        assert (await http.get(link)).status_code == 200
    assert f"/reports/{report_id}/file?a=b&token=…&c=d" in caplog.text
    assert shop.token(report_id)[:20] not in caplog.text


async def _failed(shop: ReportingShop, report_id: UUID) -> None:
    await shop.book.ended(report_id, ReportState.failed)


async def _removed(shop: ReportingShop, report_id: UUID) -> None:
    await shop.make(report_id, CONTENT)
    await shop.book.removed(report_id)


async def _lost(shop: ReportingShop, report_id: UUID) -> None:
    await shop.make(report_id, CONTENT)
    await shop.storage.discard("files/")


@pytest.mark.parametrize(
    ("become", "status", "kind", "retry_after"),
    [
        (None, 409, "report-not-ready", "5"),
        (_failed, 409, "report-not-made", None),
        (_removed, 410, "report-removed", None),
        (_lost, 410, "report-removed", None),
    ],
    ids=["being made", "failed", "removed", "lost"],
)
async def test_where_there_is_no_file_it_says_why(
    shop: ReportingShop,
    become: Callable[[ReportingShop, UUID], Awaitable[None]] | None,
    status: int,
    kind: str,
    retry_after: str | None,
) -> None:
    report_id = await shop.asked()
    if become is not None:
        await become(shop, report_id)
    answer = await shop.http.get(f"/reports/{report_id}/file")
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
    assert answer.json()["type"] == f"urn:durable-jobs:problem:{kind}"
    assert answer.headers.get("retry-after") == retry_after
    async with shop.without_key() as http:
        assert (await http.get(f"/reports/{report_id}/file?token={shop.token(report_id)}")).status_code == status
