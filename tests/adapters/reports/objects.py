"""What tests do with objects."""

from __future__ import annotations

from adapters.reports.storage import Storage


async def put(storage: Storage, key: str, content: bytes) -> None:
    async with storage.writing(key) as sink:
        await sink.write(content)


async def get(storage: Storage, key: str, start: int = 0, end: int | None = None) -> bytes:
    async with storage.reading(key, start=start, end=end) as pieces:
        return b"".join([piece async for piece in pieces])


async def keys(storage: Storage, prefix: str) -> set[str]:
    return {found.key async for found in storage.stored(prefix)}
