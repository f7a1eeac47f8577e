"""What is kept comes back as it was, and no reader ever sees half of an object; in a folder as in a bucket."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from adapters.reports.storage import ReportStorage, probe
from domain.errors import Gone, InvalidRequest, ServiceUnavailable
from domain.reports import ReportFile
from tests.adapters.reports.conftest import get, keys, put
from tests.s3_server import S3Server

KEY = "files/5f0c7a52/sales-summary-2026-11.pdf"
BIG = bytes(range(251)) * 50_000  # 12 MB: three parts of an upload


@pytest.mark.parametrize("content", [b"", b"x", BIG], ids=["empty", "small", "big"])
async def test_what_is_written_in_pieces_of_any_size_is_read_again(storage: ReportStorage, content: bytes) -> None:
    buffer = bytearray(40_000)  # is used again, as that of a program which writes a file
    async with storage.writing(KEY) as sink:
        for at in range(0, len(content), len(buffer)):
            size = len(content[at : at + len(buffer)])
            buffer[:size] = content[at : at + size]
            await sink.write(memoryview(buffer)[:size])
    assert await get(storage, KEY) == content
    assert [(found.key, found.bytes) async for found in storage.stored("files/")] == [(KEY, len(content))]


@pytest.mark.parametrize("written", [b"half", BIG], ids=["small", "big"])
async def test_a_block_that_fails_changes_nothing(storage: ReportStorage, written: bytes, s3: S3Server) -> None:
    await put(storage, KEY, b"as it was")
    for key in (KEY, "files/other"):
        with contextlib.suppress(LookupError):
            async with storage.writing(key) as sink:
                await sink.write(written)
                raise LookupError
    assert await get(storage, KEY) == b"as it was"
    assert await keys(storage, "files/") == {KEY}
    assert _leftovers(storage, s3) == 0


@pytest.mark.parametrize("asleep", [True, False], ids=["between two writes", "while it writes"])
async def test_a_writer_that_is_cancelled_leaves_nothing(storage: ReportStorage, s3: S3Server, *, asleep: bool) -> None:
    at_work = asyncio.Event()

    async def work() -> None:
        async with storage.writing(KEY) as sink:
            await sink.write(BIG)
            at_work.set()
            if asleep:
                await asyncio.Event().wait()
            while True:
                await sink.write(BIG)

    task = asyncio.create_task(work())
    await at_work.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await keys(storage, "files/") == set()
    assert _leftovers(storage, s3) == 0


async def test_an_object_is_seen_once_it_is_whole_and_readers_of_the_one_before_get_no_mixture(
    storage: ReportStorage,
) -> None:
    async with storage.writing(KEY) as sink:
        await sink.write(BIG)
        assert await keys(storage, "files/") == set()
        with pytest.raises(Gone):
            await get(storage, KEY)
    reading = storage.reading(KEY)
    assert BIG.startswith(await anext(reading))
    await put(storage, KEY, BIG[::-1])
    with pytest.raises(ServiceUnavailable, match="replaced"):
        await anext(reading)
    assert await get(storage, KEY) == BIG[::-1]


async def test_objects_are_listed_and_discarded_below_a_prefix(storage: ReportStorage) -> None:
    names = {f"parts/1/{number:05}" for number in range(12)}
    for name in (*names, "parts/10/00000", KEY):
        await put(storage, name, b"x")
    assert await keys(storage, "parts/1/") == names
    assert await keys(storage, "parts/") == names | {"parts/10/00000"}
    found = [found async for found in storage.stored("parts/")]
    assert all(datetime.now(UTC) - each.modified < timedelta(minutes=1) for each in found)

    for _ in range(2):
        await storage.discard("parts/1/")
    assert await keys(storage, "parts/") == {"parts/10/00000"}
    assert await keys(storage, "nothing/") == set()
    assert await get(storage, KEY) == b"x"
    for key in ("files/none", "files", "files/5f0c7a52", f"{KEY}/more"):
        with pytest.raises(Gone):
            await get(storage, key)


@pytest.mark.parametrize(
    "key",
    [
        *("../secrets", "files/../../secrets", "/etc/passwd", "files//x", "files/./x", "", ".drafts/x", "files/x\n"),
        *("files/%2e%2e/x", "files\\x", "files/x\0", "files/é", "files/x#1", "f" * 501),
    ],
)
async def test_no_key_leads_out_of_the_storage(storage: ReportStorage, key: str, tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("secret")
    for call in (get(storage, key), put(storage, key, b"x"), storage.discard(key), keys(storage, key)):
        with pytest.raises(InvalidRequest, match="can have this key"):
            await call
    assert (tmp_path / "secrets").read_text() == "secret"


async def test_many_at_once_do_not_disturb_each_other(storage: ReportStorage) -> None:
    async def one(number: int) -> None:
        key, content = f"parts/{number}/0", bytes([number]) * 100_000
        for _ in range(3):
            await put(storage, key, content)
            assert await get(storage, key) == content
            await storage.discard(f"parts/{number}/")

    await asyncio.gather(*(one(number) for number in range(20)))
    assert await keys(storage, "parts/") == set()


async def test_the_probe_names_the_place_and_leaves_nothing(storage: ReportStorage) -> None:
    assert await probe(storage) == storage.name
    assert await keys(storage, "probes/") == set()


async def test_a_file_is_located_for_its_download_if_it_is_there_and_whole(storage: ReportStorage) -> None:
    file = ReportFile(key=KEY, rows=1, bytes=len(BIG), sha256="0" * 64)
    await put(storage, "files/another", b"")
    with pytest.raises(Gone):
        await storage.locate(file, "GET")
    await put(storage, KEY, BIG[:-1])
    with pytest.raises(ServiceUnavailable, match="not as it was written"):
        await storage.locate(file, "GET")
    await put(storage, KEY, BIG)
    place = await storage.locate(file, "GET")
    if isinstance(place, Path):
        assert place.read_bytes() == BIG
        return
    async with httpx.AsyncClient(trust_env=False) as http:
        rest = await http.get(place, headers={"Range": "bytes=1000000-"})
        head = await http.head(str(await storage.locate(file, "HEAD")))
    assert (rest.status_code, rest.content) == (206, BIG[1_000_000:])
    assert (head.status_code, head.headers["content-type"]) == (200, "application/pdf")
    assert head.headers["content-disposition"] == "attachment"
    assert "X-Amz-Expires=300" in place


def _leftovers(storage: ReportStorage, s3: S3Server) -> int:
    kind, name = storage.name.split()[:2]
    return s3.uploads(name) if kind == "bucket" else len([path for path in Path(name).rglob("*#*") if path.is_file()])
