from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.reports.parts import Frame, read_frames, write_frame
from domain.errors import ServiceUnavailable

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
