"""A folder that is full, away, forbidden or slow; and writers that are killed."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adapters.reports.storage import ReportStorage, probe, storage_of
from adapters.reports.storage_errors import translated
from adapters.settings import AwsSettings, ReportSettings
from domain.errors import Gone, InvalidRequest, JobError, PermissionDenied, ServiceUnavailable
from tests.adapters.reports.conftest import get, keys, put

KEY = "files/1/report.csv"
MEBIBYTE = 1024 * 1024

_PROGRAM = """
import asyncio, os, resource, sys
from adapters.settings import AwsSettings, ReportSettings
from adapters.reports.storage import storage_of

async def main(mode):
    storage = storage_of(ReportSettings(), AwsSettings())
    if mode == "limited":
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
    if mode == "forbidden" and os.geteuid() == 0:  # who may everything
        os.setuid(65534)
    async with storage.writing("files/1/report.csv") as sink:
        await sink.write(b"x" * 8 * 2**20)
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
    assert told.startswith("ServiceUnavailable The disk of REPORTS_STORE cannot be used for now (EFBIG): is it")
    assert _files(tmp_path) == []


async def test_a_writer_that_is_killed_leaves_nothing_to_see_and_its_rest_goes_with_its_report(tmp_path: Path) -> None:
    with writer("endless", tmp_path) as process:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == "written\n"
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.wait)
    storage = folder_at(tmp_path)
    assert await keys(storage, "files/") == set()
    assert len(_files(tmp_path)) == 1
    await put(storage, KEY, b"x")
    assert await keys(storage, "files/") == {KEY}
    await storage.discard("files/1/")
    assert _files(tmp_path) == []


async def test_a_folder_that_is_away_is_no_reason_to_call_reports_gone(tmp_path: Path) -> None:
    storage = folder_at(tmp_path / "mounted")
    with pytest.raises(ServiceUnavailable, match="is it mounted"):
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
        (errno.ENOSPC, ServiceUnavailable, "ENOSPC.*has it room"),
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


async def test_files_are_for_the_user_and_its_group_alone(folder: ReportStorage, tmp_path: Path) -> None:
    await put(folder, KEY, b"x")
    root = tmp_path / "kept" / "reports"
    assert [path.stat().st_mode & 0o007 for path in (root, root / "files")] == [0, 0]


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
