"""Places where reports are kept: a folder, and a bucket of a server that speaks S3."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from adapters.reports.objects import ReportStorage, storage_of
from adapters.settings import AwsSettings, ReportSettings
from tests.s3_server import S3Server


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """Tests that stop it start it again."""
    server = S3Server()
    yield server
    server.stop()


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[ReportStorage]:
    storage = storage_of(ReportSettings(store=str(tmp_path / "kept" / "reports")), AwsSettings())
    yield storage
    await storage.aclose()


@pytest.fixture(params=["folder", "bucket"])
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ReportStorage]:
    """One of each, with nothing in it."""
    if request.param == "folder":
        chosen = storage_of(ReportSettings(store=str(tmp_path / "reports")), AwsSettings())
    else:
        s3: S3Server = request.getfixturevalue("s3")
        chosen = storage_of(ReportSettings(store=f"s3://{s3.new_bucket()}/of/shop"), s3.aws)
    yield chosen
    await chosen.aclose()
