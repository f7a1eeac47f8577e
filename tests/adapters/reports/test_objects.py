"""What is kept comes back as it was, and nobody ever sees half of an object; in a folder as in a bucket."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.reports.objects import ReportStorage, probe, storage_of
from adapters.settings import AwsSettings, ReportSettings
from domain.errors import Gone, InvalidRequest, JobError
from tests.adapters.reports.objects import get, keys, put
from tests.s3_server import S3Server

KEY = "files/5f0c7a52/sales-summary-2026-11.pdf"
BIG = bytes(range(251)) * 50_000  # 12 MB: three parts of an upload


@pytest.mark.parametrize("content", [b"", b"x", BIG], ids=["empty", "small", "big"])
async def test_what_is_written_is_read_again_whole_or_in_part(storage: ReportStorage, content: bytes) -> None:
    await put(storage, KEY, content)
    size = len(content)
    assert await get(storage, KEY) == content
    for start, end in (
        (0, 1),
        (1, size),
        (size // 2, None),
        (size // 2, size + 10),
        (size, None),
        (size + 5, size + 9),
    ):
        assert await get(storage, KEY, start, end) == content[start:end]
    assert [(found.key, found.bytes) async for found in storage.stored("files/")] == [(KEY, size)]


async def test_pieces_of_any_size_are_taken_also_from_a_buffer_that_is_used_again(storage: ReportStorage) -> None:
    buffer = bytearray(1000)
    async with storage.writing(KEY) as sink:
        for number in range(6000):
            buffer[:] = bytes([number % 256]) * len(buffer)
            await sink.write(memoryview(buffer)[: number % 1000])
    assert await get(storage, KEY) == b"".join(bytes([number % 256]) * (number % 1000) for number in range(6000))


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
async def test_a_writer_who_is_cancelled_leaves_nothing(storage: ReportStorage, s3: S3Server, *, asleep: bool) -> None:
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
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await keys(storage, "files/") == set()
    assert _leftovers(storage, s3) == 0


async def test_an_object_is_seen_once_it_is_whole(storage: ReportStorage) -> None:
    async with storage.writing(KEY) as sink:
        await sink.write(BIG)
        assert await keys(storage, "files/") == set()
        with pytest.raises(Gone):
            await get(storage, KEY)
    assert await get(storage, KEY) == BIG


async def test_whoever_reads_while_it_is_written_anew_gets_no_mixture(storage: ReportStorage) -> None:
    await put(storage, KEY, BIG)
    read = b""
    with contextlib.suppress(JobError):  # a bucket's reader is told, a folder's goes on with what was there
        async with storage.reading(KEY) as pieces:
            async for piece in pieces:
                if not read:
                    await put(storage, KEY, BIG[::-1])
                read += piece
    assert BIG.startswith(read)
    assert await get(storage, KEY) == BIG[::-1]


async def test_objects_are_listed_below_a_prefix_and_removed(storage: ReportStorage) -> None:
    names = {f"parts/1/{number:05}" for number in range(12)}
    for name in (*names, "parts/10/00000", KEY):
        await put(storage, name, b"x")
    assert await keys(storage, "parts/1/") == names
    assert await keys(storage, "parts/") == names | {"parts/10/00000"}
    found = [found async for found in storage.stored("parts/")]
    assert all(datetime.now(UTC) - each.modified < timedelta(minutes=1) for each in found)

    await storage.remove([*names, "parts/1/99999", "parts/2/00000"])
    await storage.remove([*names])
    await storage.remove([])
    assert await keys(storage, "parts/") == {"parts/10/00000"}
    assert await keys(storage, "nothing/") == set()
    assert await get(storage, KEY) == b"x"


@pytest.mark.parametrize("key", ["files/none", "files", "files/5f0c7a52", f"{KEY}/more"])
async def test_what_is_not_there_is_gone(storage: ReportStorage, key: str) -> None:
    await put(storage, KEY, b"x")
    with pytest.raises(Gone):
        await get(storage, key)


@pytest.mark.parametrize(
    "key",
    [
        *("../secrets", "files/../../secrets", "/etc/passwd", "files//x", "files/./x", "", ".drafts/x", "files/x\n"),
        *("files/%2e%2e/x", "files\\x", "files/x\0", "files/é", "f" * 501),
    ],
)
async def test_no_key_leads_out_of_the_storage(storage: ReportStorage, key: str, tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("secret")
    with pytest.raises(InvalidRequest, match="can have this key"):
        await get(storage, key)
    with pytest.raises(InvalidRequest, match="can have this key"):
        await put(storage, key, b"x")
    with pytest.raises(InvalidRequest, match="can have this key"):
        await storage.remove([key])
    assert (tmp_path / "secrets").read_text() == "secret"


async def test_many_at_once_do_not_mind_each_other(storage: ReportStorage) -> None:
    async def one(number: int) -> None:
        key, content = f"parts/{number % 3}/{number:05}", bytes([number]) * 100_000
        for _ in range(3):
            await put(storage, key, content)
            assert await get(storage, key) == content
            await storage.remove([key])

    await asyncio.gather(*(one(number) for number in range(20)))
    assert await keys(storage, "parts/") == set()


async def test_the_probe_tells_where_it_is_and_leaves_nothing(storage: ReportStorage) -> None:
    assert await probe(storage) == storage.place
    assert await keys(storage, "probes/") == set()


def test_where_reports_are_kept_is_what_the_settings_say(tmp_path: Path) -> None:
    assert storage_of(ReportSettings(store=str(tmp_path)), AwsSettings()).place == f"folder {tmp_path}"
    aws = AwsSettings(endpoint_url="https://minio.example.com/")
    found = storage_of(ReportSettings(store="s3://reports/of/shop"), aws)
    assert found.place == "bucket reports at https://minio.example.com"


def _leftovers(storage: ReportStorage, s3: S3Server) -> int:
    kind, name = storage.place.split()[:2]
    return s3.uploads(name) if kind == "bucket" else len(list((Path(name) / ".drafts").iterdir()))
