"""The place where the files of reports are kept, as the settings say: a folder, or a bucket of an S3-compatible store.

Every object is written whole or not at all: no reader ever sees half of one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar
from uuid import UUID

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from adapters.reports.storage_errors import OutOfRange, translated
from adapters.reports.threads import finished
from adapters.settings import AwsSettings, ReportSettings
from domain.errors import Gone, InvalidRequest, ServiceUnavailable
from domain.reports import MEDIA_TYPES, Report, ReportFile

if TYPE_CHECKING:  # there is nothing of that name while the program runs
    from obstore import Attributes, GetOptions, GetResult
    from obstore.store import ClientConfig, RetryConfig, S3Config

_T = TypeVar("_T")

PARTS, FILES, _PROBES = "parts/", "files/", "probes/"

_MEDIA_TYPES = {str(form): media_type for form, media_type in MEDIA_TYPES.items()}

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_LONGEST_KEY = 500

_GATHERED_BYTES = 1024 * 1024
"""Small pieces are handed on together: each call of the store costs more than the copy."""
_PART_BYTES = 5 * 1024 * 1024
"""The least that S3 takes as a part; smaller objects are put at once."""
_READ_BYTES = 2 * 1024 * 1024
"""Of one request. No connection is held while the reader is busy."""
_MAX_CONCURRENCY = 2
"""Parts of one object that are sent at a time."""
_PAGE = 1000
"""Keys that are listed or deleted by one request."""

_REQUEST_TIMEOUT = timedelta(seconds=15)
"""For one request, to the last byte of its answer."""
_RETRIES: RetryConfig = {
    "max_retries": 2,
    "retry_timeout": timedelta(seconds=10),
    "backoff": {"init_backoff": timedelta(milliseconds=200), "max_backoff": timedelta(seconds=2), "base": 2},
}
_CALL_TIMEOUT_S = 60.0
"""For a write, read or other call with its retries; the end of an upload waits for its last parts."""
_CANCEL_TIMEOUT_S = 3.0
"""A writer that is cancelled waits so long for its last request, and so long for the abort."""
_LINK_LIFETIME = timedelta(minutes=5)
"""Of a download's URL: the download must begin within it."""


class Sink(Protocol):
    """An object that is being written."""

    async def write(self, piece: bytes | memoryview) -> None:
        """Add a piece of any size."""
        ...


@dataclass(frozen=True)
class Stored:
    """An object that is there."""

    key: str
    bytes: int
    modified: datetime


def part_key(report_id: UUID, part: int) -> str:
    """Where a part is kept until all are joined."""
    return f"{PARTS}{report_id}/{part:05}"


def file_key(report: Report) -> str:
    """Where the finished file is kept. Nothing in it comes from outside but what a request may hold."""
    return f"{FILES}{report.id}/{report.file_name}"


class ReportStorage:
    """Implements `domain.report_ports.ReportFiles`.

    Each call raises a `TransientError`, or a `PermanentError` that names the setting to correct.
    """

    def __init__(self, place: Path | S3Store, name: str) -> None:
        """`place`: a folder, or a bucket. Neither is touched before it is used; `name` is how probes call it."""
        self.name = name
        self._place = place
        self._root = place if isinstance(place, Path) else None

    @asynccontextmanager
    async def writing(self, key: str) -> AsyncIterator[Sink]:
        """Write an object, over one that is there. If the block raises, nothing has changed."""
        store = await self._opened(key, make=True)
        writer = obstore.open_writer_async(
            store,
            key,
            buffer_size=_PART_BYTES,
            max_concurrency=_MAX_CONCURRENCY,
            attributes=_attributes(key) if self._root is None else None,
        )
        sink = _Gathering(lambda piece: self._written(writer.write(piece)))
        try:
            yield sink
            await sink.flush()
            await self._written(writer.close())
            if self._root is not None:
                await self._written(asyncio.to_thread(_sync, self._root / key))
        except BaseException as exc:
            # The writer has closed itself if the store refused the end. If the store cannot be reached, the bucket's
            # lifecycle rule (docs/reports.md) removes what is left; what went wrong is raised in either case.
            with contextlib.suppress(Exception):
                async with asyncio.timeout(_CANCEL_TIMEOUT_S if isinstance(exc, asyncio.CancelledError) else None):
                    await self._answered(writer.__aexit__(type(exc), exc, exc.__traceback__))
            raise

    async def reading(self, key: str) -> AsyncIterator[bytes]:
        """Read an object in pieces of some MiB.

        Raises Gone if it is not there, ServiceUnavailable if it is replaced meanwhile.
        """
        start, size = 0, 1
        tag: str | None = None
        while start < size:
            options: GetOptions = {"range": (start, start + _READ_BYTES)}
            if tag is not None:
                options["if_match"] = tag
            try:
                got = await self._get(key, options)
            except OutOfRange:  # it is empty
                return
            piece = (await self._answered(got.bytes_async())).to_bytes()
            start, size, tag = start + len(piece), got.meta["size"], got.meta["e_tag"]
            yield piece

    async def stored(self, prefix: str) -> AsyncIterator[Stored]:
        """List the objects whose key begins with a prefix, which ends in a slash."""
        store = await self._opened(prefix.rstrip("/"), make=True)
        listed = obstore.list(store, prefix, chunk_size=_PAGE)
        while page := await self._answered(anext(listed, None)):
            for found in page:
                yield Stored(found["path"], found["size"], found["last_modified"])

    async def discard(self, prefix: str) -> None:
        """Remove all objects below a prefix, which ends in a slash, and what killed writers left there."""
        if self._root is not None:
            folder = self._root / _checked(prefix.rstrip("/"))
            with contextlib.suppress(Gone):
                await self._written(asyncio.to_thread(shutil.rmtree, folder))
            return
        store = await self._opened(prefix.rstrip("/"))
        keys = [found.key async for found in self.stored(prefix)]
        for at in range(0, len(keys), _PAGE):
            with contextlib.suppress(Gone):  # some stores report those that were not there
                await self._answered(obstore.delete_async(store, keys[at : at + _PAGE]))

    async def locate(self, file: ReportFile, method: Literal["GET", "HEAD"]) -> Path | str:
        """See `ReportFiles`."""
        try:
            size = (await self._get(file.key, {"range": (0, 1)})).meta["size"]
        except OutOfRange:
            size = 0
        if size != file.bytes:
            raise ServiceUnavailable("The report's file is not as it was written: ask for the report again.")
        if isinstance(self._place, Path):
            return self._place / file.key
        return await self._answered(obstore.sign_async(self._place, method, file.key, _LINK_LIFETIME))

    async def _get(self, key: str, options: GetOptions) -> GetResult:
        store = await self._opened(key)
        return await self._answered(obstore.get_async(store, key, options=options))

    async def _opened(self, key: str, *, make: bool = False) -> LocalStore | S3Store:
        _checked(key)
        if isinstance(self._place, S3Store):
            return self._place
        return await self._answered(asyncio.to_thread(_open_folder, self._place, make=make))

    async def _answered(self, call: Awaitable[_T]) -> _T:
        # Not by `asyncio.wait_for`, which forgets a cancellation that comes at the moment of the answer.
        with translated(self._root):
            async with asyncio.timeout(_CALL_TIMEOUT_S):
                return await call

    async def _written(self, call: Awaitable[_T]) -> _T:
        """The store's answer to a change, for which a caller that is cancelled waits for some seconds."""
        # Else an upload could begin that nobody aborts.
        with translated(self._root):
            return await finished(asyncio.wait_for(call, _CALL_TIMEOUT_S), within=_CANCEL_TIMEOUT_S)


def storage_of(settings: ReportSettings, aws: AwsSettings) -> ReportStorage:
    """The storage that the settings name. Connects to nothing. Raises InvalidRequest if they cannot be used."""
    if settings.bucket is None:
        return ReportStorage(settings.folder, f"folder {settings.folder}")
    bucket, prefix = settings.bucket
    name = f"bucket {bucket}" + (f" at {aws.endpoint_url}" if aws.endpoint_url else "")
    return ReportStorage(_bucket(bucket, prefix, aws), name)


async def probe(storage: ReportStorage) -> str:
    """Probe for a `Need`: objects can be written, listed, read and removed. Raises a JobError."""
    prefix, content = f"{_PROBES}{uuid.uuid4().hex}/", b"Written to see if that is possible, and removed at once."
    async with storage.writing(f"{prefix}probe") as sink:
        await sink.write(content)
    try:
        read = b"".join([piece async for piece in storage.reading(f"{prefix}probe")])
        listed = [found.key async for found in storage.stored(_PROBES)]
    finally:
        await storage.discard(prefix)
    if read != content or f"{prefix}probe" not in listed:
        raise ServiceUnavailable("The report storage does not give back what it was given: check REPORTS_STORE.")
    return storage.name


class _Gathering:
    def __init__(self, write: Callable[[bytes], Awaitable[object]]) -> None:
        self._write = write
        self._gathered = bytearray()

    async def write(self, piece: bytes | memoryview) -> None:
        self._gathered += piece
        if len(self._gathered) >= _GATHERED_BYTES:
            await self.flush()

    async def flush(self) -> None:
        if self._gathered:
            gathered, self._gathered = bytes(self._gathered), bytearray()
            await self._write(gathered)


def _checked(key: str) -> str:
    """The key, if an object can have it: so none leads out of the storage. Raises InvalidRequest."""
    if len(key) > _LONGEST_KEY or not _KEY.fullmatch(key):
        raise InvalidRequest("No object of the report storage can have this key.")
    return key


def _attributes(key: str) -> Attributes | None:
    """What a bucket sends with a finished file, which is downloaded from there."""
    media_type = _MEDIA_TYPES.get(key.rpartition(".")[2])
    if media_type is None:
        return None
    return {
        "Content-Type": media_type,
        "Content-Disposition": "attachment",
        "Cache-Control": "private, no-store",
    }


def _open_folder(root: Path, *, make: bool) -> LocalStore:
    if make:
        # Reports are for owner and group alone: the HTTP interface may run as another user of the group.
        for folder in (root, *(root / top for top in (PARTS, FILES, _PROBES))):
            folder.mkdir(0o770, parents=True, exist_ok=True)
    return LocalStore(root)


def _sync(path: Path) -> None:
    """Keep a file through a loss of power, with the folders that lead to it."""
    for each in (path, *list(path.parents)[:3]):
        number = os.open(each, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _bucket(bucket: str, prefix: str, aws: AwsSettings) -> S3Store:
    if refusal := aws.refusal():
        raise InvalidRequest(refusal)
    client: ClientConfig = {
        "allow_http": aws.is_plain,
        "connect_timeout": timedelta(seconds=3),
        "timeout": _REQUEST_TIMEOUT,
        "user_agent": "durable-jobs",
    }
    if aws.ca_bundle is not None:
        try:
            client["root_certificate"] = aws.ca_bundle.read_bytes()
        except OSError as exc:
            raise InvalidRequest(f"AWS_CA_BUNDLE cannot be read: {exc.strerror or type(exc).__name__}.") from exc
    # obstore reads from AWS_* itself what is not given here.
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
        return S3Store(prefix=prefix or None, config=config, client_options=client, retry_config=_RETRIES)
    except (BaseError, ValueError) as exc:
        raise InvalidRequest("The AWS_* variables cannot be used for REPORTS_STORE: correct them.") from exc
