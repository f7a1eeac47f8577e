from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.reports.maker import AsOneSlice, FileMaker
from adapters.reports.parts import Drawing, Frame, read_frames, write_frame
from adapters.reports.storage import PARTS, ReportStorage, Sink, file_key, part_key
from domain.errors import Gone, InvalidRequest, ServiceUnavailable
from domain.report_generation import ReportName
from domain.report_ports import Told
from domain.reports import Report, ReportFile, Slice
from tests.adapters.reports.conftest import get
from tests.adapters.reports.shop import export_of, make, nothing, report_of

PDF = b"%PDF-1.7 of some pages"


class _Drawn:
    async def draw(self, report: Report) -> Drawing:
        assert report.request.report == ReportName.sales_summary
        return Drawing(PDF, rows=31)


class _Counted:
    """A report whose slices are numbers of rows; fails at the end of a slice where told."""

    def __init__(self) -> None:
        self.fails = False

    async def plan(self, report: Report) -> Sequence[Slice]:
        return [Slice(since=report.as_of, until=report.as_of, rows=rows) for rows in (2, 0, 3)]

    async def write(self, report: Report, piece: Slice, sink: Sink, told: Told) -> int:
        for row in range(piece.rows):
            await write_frame(sink, 1, f"{report.request.format}{row};".encode())
            told(row + 1)
        if self.fails:
            raise ServiceUnavailable
        return piece.rows

    async def join(self, report: Report, frames: AsyncIterator[Frame], sink: Sink) -> None:
        await sink.write(f"{report.request.period}:".encode())
        async for frame in frames:
            await sink.write(memoryview(frame.content))


@pytest.fixture
def counted() -> _Counted:
    return _Counted()


@pytest.fixture
def storage(folder: ReportStorage) -> ReportStorage:
    return folder


@pytest.fixture
def maker(storage: ReportStorage, counted: _Counted) -> FileMaker:
    return FileMaker(storage, {ReportName.sales_summary: AsOneSlice(_Drawn()), ReportName.orders_export: counted})


async def _keys(storage: ReportStorage, prefix: str) -> list[str]:
    return sorted([found.key async for found in storage.stored(prefix)])


async def test_a_whole_report_has_one_part_which_becomes_the_file(maker: FileMaker, storage: ReportStorage) -> None:
    report = report_of(ReportName.sales_summary)

    file, slices = await make(maker, report)

    since, until = report.request.span.bounds("UTC")
    assert [(piece.since, piece.until) for piece in slices] == [(since, until)]
    assert await get(storage, file.key) == PDF
    assert file == ReportFile(key=file_key(report), rows=31, bytes=len(PDF), sha256=hashlib.sha256(PDF).hexdigest())


async def test_parts_are_joined_in_their_order_and_measured(maker: FileMaker, storage: ReportStorage) -> None:
    told: list[int] = []
    report = export_of()

    file, slices = await make(maker, report, told.append)
    again = await maker.publish(report, len(slices), nothing)

    expected = b"2026-03:csv0;csv1;csv0;csv1;csv2;"
    assert await get(storage, file.key) == expected
    assert (file.rows, file.bytes, file.sha256) == (5, len(expected), hashlib.sha256(expected).hexdigest())
    assert again == file
    assert told == [1, 2, 1, 2, 3, 1, 2, 3, 4, 5]


async def test_a_part_that_fails_leaves_the_one_of_the_attempt_before(
    maker: FileMaker, storage: ReportStorage, counted: _Counted
) -> None:
    report, never_written = export_of(), export_of()
    (first, *_) = await maker.plan(report)
    await maker.write_part(report, 0, first, nothing)
    written = await get(storage, part_key(report.id, 0))
    counted.fails = True

    for each in (report, never_written):
        with pytest.raises(ServiceUnavailable):
            await maker.write_part(each, 0, first, nothing)

    assert await get(storage, part_key(report.id, 0)) == written
    assert await _keys(storage, PARTS) == [part_key(report.id, 0)]


async def test_a_file_is_not_published_without_all_of_its_parts(maker: FileMaker, storage: ReportStorage) -> None:
    report = export_of()
    slices = await maker.plan(report)
    for part, piece in list(enumerate(slices))[:-1]:
        await maker.write_part(report, part, piece, nothing)

    with pytest.raises(Gone):
        await maker.publish(report, len(slices), nothing)

    with pytest.raises(Gone):
        await get(storage, file_key(report))


async def test_a_damaged_part_is_noticed_and_nothing_is_published(maker: FileMaker, storage: ReportStorage) -> None:
    report = export_of()
    async with storage.writing(part_key(report.id, 0)) as sink:
        await sink.write(b"\0\0\0\1\0\0\0\5abc")

    with pytest.raises(ServiceUnavailable, match="not as it was written"):
        await maker.publish(report, 1, nothing)

    assert await _keys(storage, "files/") == []


async def test_parts_are_discarded_and_files_removed_of_one_report_alone(
    maker: FileMaker, storage: ReportStorage
) -> None:
    one, other = export_of(), export_of()
    made = [await make(maker, report) for report in (one, other)]

    await maker.discard_parts(one.id)
    await maker.discard_parts(uuid4())
    assert {key.split("/")[1] for key in await _keys(storage, PARTS)} == {str(other.id)}

    await maker.discard_files(one.id)
    assert await _keys(storage, "files/") == [made[1][0].key]


async def test_files_are_found_and_discarded_by_their_reports_id_alone(
    maker: FileMaker, storage: ReportStorage
) -> None:
    one, other = export_of(), export_of()
    made = [await make(maker, report) for report in (one, other)]
    for key in (f"files/{one.id}/by-another-name.csv", "files/notes/of-somebody"):
        async with storage.writing(key) as sink:
            await sink.write(b"x")
    now = datetime.now(UTC)

    assert sorted([each async for each in maker.filed(now + timedelta(hours=1))]) == sorted([one.id, other.id])
    assert [each async for each in maker.filed(now - timedelta(hours=1))] == []
    await maker.discard_files(one.id)
    await maker.discard_files(uuid4())
    assert await _keys(storage, "files/") == sorted([made[1][0].key, "files/notes/of-somebody"])
    assert {key.split("/")[1] for key in await _keys(storage, PARTS)} == {str(one.id), str(other.id)}


async def test_abandoned_parts_are_found_once_a_report(maker: FileMaker, storage: ReportStorage) -> None:
    reports = [export_of(), export_of()]
    for report in reports:
        await make(maker, report)
    async with storage.writing(f"{PARTS}notes/of-somebody") as sink:
        await sink.write(b"x")
    now = datetime.now(UTC)

    found: list[UUID] = [each async for each in maker.abandoned(now + timedelta(hours=1))]
    none = [each async for each in maker.abandoned(now - timedelta(hours=1))]

    assert sorted(found) == sorted(report.id for report in reports)
    assert none == []


async def test_an_unknown_report_is_refused(storage: ReportStorage) -> None:
    with pytest.raises(InvalidRequest, match="orders-export"):
        await FileMaker(storage, {}).plan(export_of())


FRAMES = st.lists(st.builds(Frame, st.integers(0, 2**32 - 1), st.binary(max_size=40)), max_size=6)


class _Kept:
    def __init__(self) -> None:
        self.bytes = b""

    async def write(self, piece: bytes | memoryview) -> None:
        self.bytes += piece


async def _written(frames: list[Frame]) -> bytes:
    kept = _Kept()
    for frame in frames:
        await write_frame(kept, frame.rows, frame.content)
    return kept.bytes


async def _pieces(whole: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(whole), size):
        yield whole[at : at + size]


@given(frames=FRAMES, size=st.integers(1, 60))
async def test_frames_are_read_as_they_were_written_whatever_the_pieces(frames: list[Frame], size: int) -> None:
    written = await _written(frames)

    assert [frame async for frame in read_frames(_pieces(written, size))] == frames


@given(frames=FRAMES.filter(bool), size=st.integers(1, 60), cut=st.integers(1, 8))
async def test_a_part_that_ends_within_a_frame_is_noticed(frames: list[Frame], size: int, cut: int) -> None:
    written = await _written(frames)

    with pytest.raises(ServiceUnavailable, match="not as it was written"):
        _ = [frame async for frame in read_frames(_pieces(written[: -min(cut, len(frames[-1].content) + 7)], size))]
