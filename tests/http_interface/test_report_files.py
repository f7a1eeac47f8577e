"""Downloading reports: by key or by link, whole or in part, and never half of one that looks whole."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr

from adapters.report_settings import ReportSettings
from adapters.reports.links import SignedLinks
from domain.errors import AuthenticationFailed, InvalidRequest, JobError, ServiceUnavailable
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
        (f"bytes=-{size + 1}", 0, size),
    ):
        answer = await part(wanted, **{"If-Range": tag})
        assert (answer.status_code, answer.content) == (206, CONTENT[start:end]), wanted
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
        assert answer.headers["content-length"] == str(end - start)
    for wanted in ("bytes=0-1,3-4", "bytes=5-2", "bytes=-", "lines=0-1", "bytes=x-", "bytes"):
        answer = await part(wanted)
        assert (answer.status_code, answer.content) == (200, CONTENT), wanted
    answer = await part("bytes=0-1", **{"If-Range": '"another"'})
    assert (answer.status_code, answer.content) == (200, CONTENT)
    for wanted in (f"bytes={size}-", "bytes=999999999999-", "bytes=-0"):
        answer = await part(wanted)
        assert (answer.status_code, answer.headers["content-type"]) == (416, PROBLEM), wanted
        assert answer.headers["content-range"] == f"bytes */{size}"


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


async def _cancelled(shop: ReportingShop, report_id: UUID) -> None:
    await shop.book.ended(report_id, ReportState.cancelled)


async def _removed(shop: ReportingShop, report_id: UUID) -> None:
    await shop.make(report_id, CONTENT)
    await shop.book.removed(report_id)


async def _lost(shop: ReportingShop, report_id: UUID) -> None:
    await shop.make(report_id, CONTENT)
    await shop.storage.remove([found.key async for found in shop.storage.stored("files/")])


@pytest.mark.parametrize(
    ("become", "status", "kind", "retry_after"),
    [
        (None, 409, "report-not-ready", "5"),
        (_failed, 409, "report-not-made", None),
        (_cancelled, 409, "report-not-made", None),
        (_removed, 410, "report-removed", None),
        (_lost, 410, "report-removed", None),
    ],
    ids=["being made", "failed", "cancelled", "removed", "lost"],
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


class Files:
    """Gives pieces as a test says; knows when whoever read them has ended."""

    def __init__(self, pieces: Callable[[], AsyncIterator[bytes]]) -> None:
        self._pieces = pieces
        self.ended = asyncio.Event()

    @asynccontextmanager
    async def read(
        self,
        file: ReportFile,  # noqa: ARG002  # the port's, as the next two
        *,
        start: int = 0,  # noqa: ARG002
        end: int | None = None,  # noqa: ARG002
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        try:
            yield self._pieces()
        finally:
            self.ended.set()


@pytest.mark.parametrize(
    ("error", "retry_after"),
    [(ServiceUnavailable("s3cret"), "5"), (AuthenticationFailed("s3cret"), "300"), (InvalidRequest("s3cret"), "300")],
)
async def test_a_storage_that_is_away_is_told_before_the_first_byte(
    shop: ReportingShop, error: JobError, retry_after: str
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        raise error
        yield b""

    report_id = await shop.made()
    shop.served.replace(report_files=Files(pieces))
    answer = await shop.http.get(f"/reports/{report_id}/file")
    assert (answer.status_code, answer.headers["content-type"]) == (503, PROBLEM)
    assert answer.headers["retry-after"] == retry_after
    assert "storage of reports" in answer.json()["detail"]
    assert "s3cret" not in answer.text


@pytest.mark.parametrize("error", [ServiceUnavailable("away"), RuntimeError("unforeseen"), None])
async def test_a_storage_that_fails_in_the_midst_breaks_the_connection(
    shop: ReportingShop, error: Exception | None
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield CONTENT[:MEBIBYTE]
        if error:
            raise error

    report_id = await shop.made()
    shop.served.replace(report_files=Files(pieces))
    with pytest.raises(httpx.RemoteProtocolError):
        await shop.http.get(f"/reports/{report_id}/file")


class Stalling:
    """A storage that gives no more after some bytes, nor an answer; the time limit is short from the download on."""

    def __init__(self, served: Served, gives: bytes) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            if gives:
                yield gives
            await asyncio.Event().wait()

        self._files = Files(pieces)
        self.ended = self._files.ended
        self._served = served

    def read(
        self, file: ReportFile, *, start: int = 0, end: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        self._served.replace(request_timeout=timedelta(milliseconds=300))
        return self._files.read(file, start=start, end=end)


async def test_a_storage_that_stalls_is_our_fault_and_logged(
    shop: ReportingShop, caplog: pytest.LogCaptureFixture
) -> None:
    def told() -> list[tuple[int, str, str]]:
        given_up = [record for record in caplog.records if record.name == "starter.http.deadline"]
        caplog.clear()
        return [(record.levelno, record.__dict__["action"], record.__dict__["waited_for"]) for record in given_up]

    path, before = f"/reports/{await shop.made()}/file", shop.served.app.state.parts
    shop.served.replace(report_files=(files := Stalling(shop.served, b"")))
    answer = await shop.http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (503, PROBLEM)
    assert answer.headers["retry-after"] == "5"
    assert "storage of reports" in answer.json()["detail"]
    assert files.ended.is_set()
    assert told() == [(logging.ERROR, "give-up", "the storage of reports")]

    shop.served.app.state.parts = before
    shop.served.replace(report_files=(files := Stalling(shop.served, CONTENT[:9])))
    with pytest.raises(httpx.RemoteProtocolError):
        await shop.http.get(path)
    assert files.ended.is_set()
    assert told() == [(logging.ERROR, "break-off", "the storage of reports")]


async def test_a_download_may_take_longer_than_other_requests_while_it_goes_on(shop: ReportingShop) -> None:
    limit = 2.0
    pauses = 4

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(pauses):
            yield CONTENT[number::pauses]
            await asyncio.sleep(limit / (pauses - 1))  # longer than the limit, all together

    report_id = await shop.made()
    shop.served.replace(report_files=Files(pieces), request_timeout=timedelta(seconds=limit))
    answer = await shop.http.get(f"/reports/{report_id}/file")
    assert len(answer.content) == len(CONTENT)


@pytest.mark.parametrize("goes_away", [True, False])
async def test_whoever_reads_no_more_holds_nothing(
    shop: ReportingShop, caplog: pytest.LogCaptureFixture, *, goes_away: bool
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        while True:
            yield bytes(MEBIBYTE)

    length = 2**40
    await shop.make(report_id := await shop.asked(), CONTENT, says=length)
    files = Files(pieces)
    shop.served.replace(report_files=files, request_timeout=timedelta(seconds=60 if goes_away else 0.5))
    address = urlsplit(shop.served.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    head = f"GET /reports/{report_id}/file HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {shop.served.key}\r\n\r\n"
    writer.write(head.encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in answer.splitlines()[0]
    if goes_away:
        writer.close()
    await asyncio.wait_for(files.ended.wait(), 30)
    if not goes_away:
        rest = 0
        while piece := await reader.read(MEBIBYTE):
            rest += len(piece)
        assert 0 < rest < length
        writer.close()
        [told] = [record for record in caplog.records if record.name == "starter.http.deadline"]
        assert (told.levelno, told.__dict__["waited_for"]) == (logging.WARNING, "whoever reads the answer")
