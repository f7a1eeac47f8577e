"""A shop on a database of its own, its reports, and places where they are kept: a folder, and a bucket of a server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from adapters.reports.database import COPYING, Reader
from adapters.reports.maker import FileMaker, whole_reports
from adapters.reports.orders_export.export import OrdersExport
from adapters.reports.storage import ReportStorage, storage_of
from adapters.settings import AwsSettings, DatabaseSettings, ReportSettings
from domain.report_generation import ReportName
from tests.adapters.reports.shop import Drawn, Shop
from tests.s3_server import S3Server

MakerOf = Callable[..., FileMaker]


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """Tests that stop it start it again."""
    server = S3Server()
    yield server
    server.stop()


@pytest.fixture
def folder(tmp_path: Path) -> ReportStorage:
    return storage_of(ReportSettings(store=str(tmp_path / "kept" / "reports")), AwsSettings())


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, folder: ReportStorage) -> ReportStorage:
    """One of each, with nothing in it."""
    if request.param == "folder":
        return folder
    s3: S3Server = request.getfixturevalue("s3")
    return storage_of(ReportSettings(store=f"s3://{s3.new_bucket()}/of/shop"), s3.aws)


async def put(storage: ReportStorage, key: str, content: bytes) -> None:
    async with storage.writing(key) as sink:
        await sink.write(content)


async def get(storage: ReportStorage, key: str) -> bytes:
    return b"".join([piece async for piece in storage.reading(key)])


async def keys(storage: ReportStorage, prefix: str) -> set[str]:
    return {found.key async for found in storage.stored(prefix)}


@pytest.fixture
async def shop(database: str) -> AsyncIterator[Shop]:
    connection = await asyncpg.connect(database)
    yield Shop(connection)
    await connection.close()


@pytest.fixture
def settings(database: str) -> DatabaseSettings:
    return DatabaseSettings(url=SecretStr(database))


@pytest.fixture
def drawn(settings: DatabaseSettings) -> Drawn:
    return Drawn(whole_reports(settings))


@pytest.fixture
def reader(settings: DatabaseSettings) -> Reader:
    return Reader(settings, COPYING, connections=4)


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Where workbooks have their temporary files."""
    made = tmp_path / "temporary"
    made.mkdir()
    return made


@pytest.fixture
def maker_of(reader: Reader, folder: ReportStorage, temporary: Path) -> Iterator[MakerOf]:
    """Makes the maker, with so many orders to a slice."""
    made: list[OrdersExport] = []

    def of(orders_each: int = 100, storage: ReportStorage = folder) -> FileMaker:
        made.append(OrdersExport(reader, orders_each=orders_each, temporary_folder=temporary))
        return FileMaker(storage, {ReportName.orders_export: made[-1]})

    yield of
    for export in made:
        export.close()


@pytest.fixture
def maker(maker_of: MakerOf) -> FileMaker:
    return maker_of()
