"""A download whose storage fails or stalls, or whose reader goes away: nobody takes half a report for a whole one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from domain.errors import AuthenticationFailed, InvalidRequest, JobError, ServiceUnavailable
from domain.reports import ReportFile
from tests.http_interface.reporting import CONTENT, ReportingShop, reporting
from tests.http_interface.serving import PROBLEM, Served

MEBIBYTE = 1024 * 1024


@pytest.fixture
async def shop(shared: Served, tmp_path: Path) -> AsyncIterator[ReportingShop]:
    async with reporting(shared, tmp_path) as shop:
        yield shop


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
