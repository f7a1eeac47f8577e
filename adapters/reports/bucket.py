"""Keeps reports in a bucket of an S3-compatible store."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from adapters.reports.bucket_errors import OutOfRange, translated
from adapters.reports.finishing import finished
from adapters.reports.pieces import Gathered, checked
from adapters.reports.storage import Sink, Stored
from adapters.settings import AwsSettings
from domain.errors import Gone, InvalidRequest

if TYPE_CHECKING:  # there is nothing of that name while the program runs
    from obstore import GetOptions
    from obstore.store import ClientConfig, RetryConfig, S3Config

_T = TypeVar("_T")

_PART = 5 * 1024 * 1024
"""Bytes. The least that S3 takes as a part; smaller objects are put at once."""
_READ = 2 * 1024 * 1024
"""Bytes of one request. No connection is held while the reader is busy, and a broken one costs so much at most."""
_AT_ONCE = 2
"""Parts of one object on their way."""
_LISTED = 1000

_REQUEST = timedelta(seconds=15)
"""For one request, to the last byte of its answer."""
_RETRIES: RetryConfig = {
    "max_retries": 2,
    "retry_timeout": timedelta(seconds=10),
    "backoff": {"init_backoff": timedelta(milliseconds=200), "max_backoff": timedelta(seconds=2), "base": 2},
}
LONGEST_CALL = timedelta(seconds=60)
"""One write, read or other call; the last of an object's writing waits for its last parts, then puts them together."""

_LAST_WORDS = 3.0
"""Seconds that a writer who is cancelled waits for the answer to its last request, and for that to the abort."""


class Bucket:
    """Implements `adapters.reports.storage.Storage`."""

    def __init__(self, bucket: str, prefix: str, aws: AwsSettings) -> None:
        """Connects to nothing. Raises InvalidRequest for settings that cannot be used."""
        if refusal := aws.refusal():
            raise InvalidRequest(refusal)
        client: ClientConfig = {
            "allow_http": aws.is_plain,
            "connect_timeout": timedelta(seconds=3),
            "timeout": _REQUEST,
            "user_agent": "durable-jobs",
        }
        if aws.ca_bundle is not None:
            try:
                client["root_certificate"] = aws.ca_bundle.read_bytes()
            except OSError as exc:
                raise InvalidRequest(f"AWS_CA_BUNDLE cannot be read: {exc.strerror or type(exc).__name__}.") from exc
        # What is not said here, obstore reads from AWS_* itself.
        config: S3Config = {"bucket": bucket}
        if aws.access_key_id:
            config["access_key_id"] = aws.access_key_id
        if aws.secret_access_key:
            config["secret_access_key"] = aws.secret_access_key.get_secret_value()
        if aws.session_token:
            config["session_token"] = aws.session_token.get_secret_value()
        if aws.region:
            config["region"] = aws.region
        if aws.endpoint_url:
            config["endpoint"] = aws.endpoint_url
        try:
            self._store = S3Store(prefix=prefix or None, config=config, client_options=client, retry_config=_RETRIES)
        except (BaseError, ValueError) as exc:
            raise InvalidRequest("The AWS_* variables cannot be used for REPORTS_STORE: correct them.") from exc
        self.place = f"bucket {bucket}" + (f" at {aws.endpoint_url}" if aws.endpoint_url else "")

    @asynccontextmanager
    async def writing(self, key: str) -> AsyncIterator[Sink]:
        """See `Storage`."""
        writer = obstore.open_writer_async(self._store, checked(key), buffer_size=_PART, max_concurrency=_AT_ONCE)
        sink = Gathered(lambda piece: _written(writer.write(piece)))
        try:
            yield sink
            await sink.flush()
            await _written(writer.close())
        except BaseException as exc:
            # It is closed where the store refused the end, and has aborted by itself then.
            with contextlib.suppress(Exception):
                async with asyncio.timeout(_LAST_WORDS if isinstance(exc, asyncio.CancelledError) else None):
                    await _answered(writer.__aexit__(type(exc), exc, exc.__traceback__))
            raise

    @asynccontextmanager
    async def reading(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        """See `Storage`."""
        yield self._pieces(key, await self._read(checked(key), start, end), end)

    async def _pieces(self, key: str, got: _Got | None, end: int | None) -> AsyncIterator[bytes]:
        while got is not None:
            yield got.piece
            after = got.start + len(got.piece)
            last = got.size if end is None else min(end, got.size)
            got = await self._read(key, after, last, got.tag) if after < last else None

    async def _read(self, key: str, start: int, end: int | None, tag: str | None = None) -> _Got | None:
        """A piece; None where there is nothing in this range. `tag`: of what the earlier pieces were read from."""
        until = start + _READ if end is None else min(start + _READ, end)
        if until <= start:
            return None

        wanted: GetOptions = {"range": (start, until)}
        if tag is not None:
            wanted["if_match"] = tag

        async def read() -> _Got:
            got = await obstore.get_async(self._store, key, options=wanted)
            return _Got(start, (await got.bytes_async()).to_bytes(), got.meta["size"], got.meta["e_tag"])

        try:
            return await _answered(read())
        except OutOfRange:
            return None

    async def stored(self, prefix: str) -> AsyncIterator[Stored]:
        """See `Storage`."""
        listed = obstore.list(self._store, checked(prefix.rstrip("/")) + "/", chunk_size=_LISTED)
        while page := await _answered(anext(listed, None)):
            for found in page:
                yield Stored(found["path"], found["size"], found["last_modified"])

    async def remove(self, keys: Sequence[str]) -> None:
        """See `Storage`."""
        if keys:
            with contextlib.suppress(Gone):  # some stores tell of those that were not there
                await _answered(obstore.delete_async(self._store, [checked(key) for key in keys]))

    async def aclose(self) -> None:
        """Nothing is held between two calls but idle connections, which end by themselves."""


@dataclass(frozen=True)
class _Got:
    start: int
    piece: bytes
    size: int
    """Of the whole object."""
    tag: str | None


async def _answered(call: Awaitable[_T]) -> _T:
    """The store's answer. Raises a JobError, OutOfRange."""
    # Not by `asyncio.wait_for`, which forgets that it was cancelled where the answer is there at the same moment.
    with translated():
        async with asyncio.timeout(LONGEST_CALL.total_seconds()):
            return await call


async def _written(call: Awaitable[_T]) -> _T:
    """The store's answer to what changes an upload. Raises a JobError."""
    with translated():
        # An upload whose beginning nobody waits for lies there until the bucket's lifecycle rule removes it: so it is
        # cancelled on its way only where the store does not answer soon.
        return await finished(asyncio.wait_for(call, LONGEST_CALL.total_seconds()), within=_LAST_WORDS)
