"""A folder that is full, away, forbidden or slow; and writers that are killed."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adapters.reports.folder_errors import translated
from adapters.reports.objects import ReportStorage, probe, storage_of
from adapters.settings import AwsSettings, ReportSettings
from domain.errors import Gone, InvalidRequest, JobError, PermissionDenied, ServiceUnavailable
from tests.adapters.reports.objects import get, keys, put

KEY = "files/1/report.csv"
BIG = b"x" * (6 * 1024 * 1024)
MEBIBYTE = 1024 * 1024

_PROGRAM = """
import asyncio, os, resource, sys
from adapters.settings import AwsSettings, ReportSettings
from adapters.reports.objects import storage_of

async def main(mode):
    storage = storage_of(ReportSettings(), AwsSettings())
    if mode == "limited":
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
    if mode == "forbidden" and os.geteuid() == 0:  # who may everything
        os.setuid(65534)
    async with storage.writing("files/1/report.csv") as sink:
        await sink.write(b"x" * 2 * 2**20)
        if mode == "endless":
            print("written", flush=True)
            await asyncio.Event().wait()

try:
    asyncio.run(main(sys.argv[1]))
except Exception as exc:
    print(type(exc).__name__, exc)
"""


def folder_at(path: Path) -> ReportStorage:
    return storage_of(ReportSettings(store=str(path)), AwsSettings())


@contextmanager
def writer(mode: str, store: Path) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "REPORTS_STORE": str(store)}
    arguments = [sys.executable, "-c", _PROGRAM, mode]
    with subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


async def test_a_file_that_may_grow_no_more_is_told_as_a_full_disk_and_leaves_nothing(tmp_path: Path) -> None:
    with writer("limited", tmp_path) as process:
        told, _ = await asyncio.to_thread(process.communicate)
    assert told.startswith("ServiceUnavailable The disk of REPORTS_STORE is full (EFBIG): make room there.")
    assert _files(tmp_path) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mounting, check=False, capture_output=True).returncode != 0:
        pytest.skip("only root can mount a small disk, which this needs; the limit of a file above shows the same")
    yield place
    subprocess.run(["umount", str(place)], check=True)


async def test_a_full_disk_loses_nothing_and_is_written_to_again_once_there_is_room(small_disk: Path) -> None:
    storage = folder_at(small_disk)
    await put(storage, KEY, b"as it was")
    (small_disk / "others").write_bytes(b"x" * 2 * MEBIBYTE)
    for key in (KEY, "files/2/other.csv"):
        with pytest.raises(ServiceUnavailable, match=r"disk of REPORTS_STORE is full \(ENOSPC\)"):
            await put(storage, key, b"x" * 3 * MEBIBYTE)
    assert await get(storage, KEY) == b"as it was"
    assert await keys(storage, "files/") == {KEY}
    (small_disk / "others").unlink()
    await put(storage, KEY, b"x" * 3 * MEBIBYTE)
    assert len(await get(storage, KEY)) == 3 * MEBIBYTE


async def test_a_writer_that_is_killed_leaves_nothing_to_see_and_what_it_has_left_is_removed_a_day_later(
    tmp_path: Path,
) -> None:
    with writer("endless", tmp_path) as process:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == "written\n"
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.wait)
    storage = folder_at(tmp_path)
    assert await keys(storage, "files/") == set()
    [left] = (tmp_path / ".drafts").iterdir()

    await put(storage, KEY, b"x")
    assert left.exists()  # it might be another's who is at work
    long_ago = time.time() - 25 * 60 * 60
    os.utime(left, (long_ago, long_ago))
    await put(storage, KEY, b"x")
    assert list((tmp_path / ".drafts").iterdir()) == []


async def test_a_folder_that_is_away_is_no_reason_to_call_reports_gone(tmp_path: Path) -> None:
    storage = folder_at(tmp_path / "mounted")
    with pytest.raises(ServiceUnavailable, match="is its disk mounted"):
        await get(storage, KEY)
    assert await keys(storage, "files/") == set()
    await put(storage, KEY, b"x")
    with pytest.raises(Gone):
        await get(storage, "files/2/other.csv")


async def test_what_is_no_folder_is_told_as_that(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for store in (tmp_path / "file", tmp_path / "file" / "below"):
        for call in (get(folder_at(store), KEY), put(folder_at(store), KEY, b"x"), probe(folder_at(store))):
            with pytest.raises(InvalidRequest, match="REPORTS_STORE must be a folder"):
                await call


@pytest.mark.parametrize(
    ("number", "error", "tells"),
    [
        (errno.EACCES, PermissionDenied, "let its user read and write there"),
        (errno.EROFS, PermissionDenied, "EROFS"),
        (errno.ENOSPC, ServiceUnavailable, "full"),
        (errno.EDQUOT, ServiceUnavailable, "full"),
        (errno.EIO, ServiceUnavailable, "EIO"),
        (errno.ESTALE, ServiceUnavailable, "ESTALE"),
        (errno.EMFILE, ServiceUnavailable, "EMFILE"),
    ],
)
def test_what_a_disk_says_becomes_an_error_without_its_paths(
    number: int, error: type[JobError], tells: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=tells) as raised, translated(tmp_path):
        raise OSError(number, os.strerror(number), str(tmp_path / "report.csv"))
    assert str(tmp_path) not in str(raised.value)


@pytest.fixture
def forbidden(tmp_path: Path) -> Path:
    tmp_path.chmod(0o500)
    return tmp_path / "reports"


async def test_a_folder_that_is_not_ours_is_told_as_that(forbidden: Path) -> None:
    with writer("forbidden", forbidden) as process:
        told, _ = await asyncio.to_thread(process.communicate)
    assert told.startswith("PermissionDenied The folder of REPORTS_STORE may not be used by this process (EACCES)")


async def test_files_are_nobodys_business_but_of_the_user_and_its_group(folder: ReportStorage, tmp_path: Path) -> None:
    await put(folder, KEY, b"x")
    root = tmp_path / "kept" / "reports"
    assert [path.stat().st_mode & 0o007 for path in (root, root / "files", root / KEY)] == [0, 0, 0]


async def test_a_disk_that_hangs_holds_nobody_else_up(folder: ReportStorage, tmp_path: Path) -> None:
    await put(folder, "files/1/other.csv", b"x")
    pipe = tmp_path / "kept" / "reports" / KEY
    os.mkfifo(pipe)  # whoever opens it waits until another one does
    waiting = [asyncio.create_task(get(folder, KEY)) for _ in range(3)]
    await put(folder, "files/2/more.csv", BIG)
    assert await get(folder, "files/2/more.csv") == BIG
    assert not any(task.done() for task in waiting)

    waiting[0].cancel()
    await asyncio.wait({waiting[0]}, timeout=30)
    assert waiting[0].cancelled()  # though what it waits for cannot be stopped: to have read a file changes nothing
    other = await asyncio.to_thread(os.open, pipe, os.O_WRONLY)
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    async with asyncio.timeout(30):
        while _is_open(pipe, but=other):  # noqa: ASYNC110  # a thread tells nobody
            await asyncio.sleep(0.01)
    os.close(other)
    assert isinstance(ended[0], asyncio.CancelledError)
    assert all(isinstance(each, ServiceUnavailable) for each in ended[1:])  # a pipe cannot be read from a place


def _is_open(path: Path, *, but: int) -> bool:
    """Whether this process has it open, by another number too."""
    numbers = [int(each.name) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    return any(number != but and _leads_to(number, path) for number in numbers)


def _leads_to(number: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(number), path.stat())
    except OSError:  # closed meanwhile
        return False


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
