"""The export on a database and a folder of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from adapters.reports.maker import FileMaker
from adapters.reports.objects import ReportStorage
from adapters.reports.orders_export.export import OrdersExport
from adapters.reports.reader import Reader
from adapters.settings import DatabaseSettings
from domain.report_generation import ReportName
from tests.adapters.reports.export.shop import Shop

MakerOf = Callable[..., FileMaker]


@pytest.fixture
async def shop(database: str) -> AsyncIterator[Shop]:
    connection = await asyncpg.connect(database)
    yield Shop(connection)
    await connection.close()


@pytest.fixture
def reader(database: str) -> Reader:
    return Reader(DatabaseSettings(url=SecretStr(database)))


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
        return FileMaker(storage, whole={}, sliced={ReportName.orders_export: made[-1]})

    yield of
    for export in made:
        export.close()


@pytest.fixture
def maker(maker_of: MakerOf) -> FileMaker:
    return maker_of()
