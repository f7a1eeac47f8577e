"""What a bucket's server says becomes an error that tells what to do; no upload is left behind."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
import trustme
from pydantic import SecretStr, ValidationError

from adapters.reports import storage as storage_module
from adapters.reports.storage import ReportStorage, probe, storage_of
from adapters.settings import AwsSettings, ReportSettings
from demo.ports import free_port
from domain.errors import (
    ConnectionBroken,
    InvalidRequest,
    JobError,
    PermissionDenied,
    RateLimited,
    ServiceUnavailable,
    TransientError,
)
from tests.adapters.reports.conftest import get, keys, put
from tests.adapters.reports.s3_script import s3_script
from tests.s3_server import S3Server

KEY = "files/1/report.csv"
BIG = b"x" * (6 * 1024 * 1024)


def bucket_at(url: str, store: str = "s3://reports") -> ReportStorage:
    aws = AwsSettings(access_key_id="tests", secret_access_key=SecretStr("s3cret"), endpoint_url=url)
    return storage_of(ReportSettings(store=store), aws)


@pytest.mark.parametrize(
    ("status", "code", "error", "names"),
    [
        (403, "SignatureDoesNotMatch", PermissionDenied, "403 SignatureDoesNotMatch): check AWS_ACCESS_KEY_ID"),
        (401, "Unauthorized", PermissionDenied, "credentials must be allowed"),
        (404, "NoSuchBucket", InvalidRequest, "REPORTS_STORE"),
        (400, "AuthorizationHeaderMalformed", InvalidRequest, "400 AuthorizationHeaderMalformed): check AWS_"),
        (301, "PermanentRedirect", InvalidRequest, "check AWS_"),
        (503, "SlowDown", RateLimited, "slow down"),
        (507, "XMinioStorageFull", ServiceUnavailable, "507 XMinioStorageFull"),
        (500, "InternalError", ServiceUnavailable, "500 InternalError"),
    ],
)
async def test_each_refusal_becomes_an_error_that_tells_what_to_do(
    status: int, code: str, error: type[JobError], names: str
) -> None:
    refusal = (status, code)
    with s3_script(get=refusal, put=refusal, begin=refusal, end=refusal, list=refusal, remove=refusal) as script:
        storage = bucket_at(script.url)
        calls = [
            get(storage, KEY),
            keys(storage, "files/"),
            storage.discard("files/1/"),
            put(storage, KEY, b"x"),
            put(storage, KEY, BIG),
        ]
        raised = await asyncio.gather(*calls, return_exceptions=True)
        del script.answers["begin"]  # it is refused at the end alone
        raised += await asyncio.gather(put(storage, KEY, BIG), return_exceptions=True)
    assert [type(each) for each in raised] == [error] * 6
    assert all(names in str(each) and "s3cret" not in str(each) for each in raised)


@pytest.mark.parametrize("fails", ["part", "end"])
async def test_an_upload_that_is_refused_is_aborted(fails: str) -> None:
    with s3_script(**{fails: (403, "AccessDenied")}) as script:
        with pytest.raises(PermissionDenied):
            await put(bucket_at(script.url), KEY, BIG)
        seen = list(script.seen)
    assert seen[0] == "begin"
    assert seen.count("abort") == 1
    assert ("end" in seen) is (fails == "end")
    # Parts are sent side by side: one that is on its way when another is refused may arrive last.
    assert set(seen[seen.index("abort") + 1 :]) <= {"part"}


async def test_a_request_that_fails_once_is_sent_again() -> None:
    with s3_script(get=(500, "InternalError")) as script:
        with pytest.raises(TransientError):
            await get(bucket_at(script.url), KEY)
        assert script.seen == ["get", "get", "get"]


async def test_a_cancelled_call_does_not_wait_for_an_answer_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_module, "_REQUEST_TIMEOUT", timedelta(hours=1))
    with s3_script() as script:
        script.silent = frozenset({"get", "list", "put", "part"})
        storage = bucket_at(script.url)
        calls = [get(storage, KEY), keys(storage, "files/"), put(storage, KEY, b"x"), put(storage, KEY, BIG)]
        tasks = [asyncio.create_task(call) for call in calls]
        async with asyncio.timeout(30):
            while not script.silent <= set(script.seen):  # noqa: ASYNC110  # the server is a thread, without an event
                await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)


async def test_a_server_that_is_away_is_used_again_once_it_is_back(s3: S3Server) -> None:
    storage = storage_of(ReportSettings(store=f"s3://{s3.new_bucket()}"), s3.aws)
    await put(storage, KEY, b"before")
    with s3.stopped():
        calls = (put(storage, KEY, b"meanwhile"), get(storage, KEY), probe(storage))
        raised = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(each) for each in raised] == [ConnectionBroken] * 3
    assert await get(storage, KEY) == b"before"
    await put(storage, KEY, b"after")
    assert await get(storage, KEY) == b"after"


async def test_without_credentials_it_says_which_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    # Where AWS's machines tell their role's.
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    with s3_script() as script:
        storage = storage_of(ReportSettings(store="s3://reports"), AwsSettings(endpoint_url=script.url))
        with pytest.raises(TransientError, match="AWS_ACCESS_KEY_ID is not set"):
            await put(storage, KEY, b"x")


async def test_a_bucket_that_is_not_there_fails_the_probe(s3: S3Server) -> None:
    with pytest.raises(InvalidRequest, match="NoSuchBucket"):
        await probe(storage_of(ReportSettings(store="s3://nothing-of-that-name"), s3.aws))


def test_an_endpoint_elsewhere_must_have_tls_unless_somebody_permits_it() -> None:
    with pytest.raises(InvalidRequest, match="AWS_ALLOW_HTTP"):
        bucket_at("http://minio.example.com:9000")
    settings = AwsSettings(endpoint_url="http://minio.example.com:9000", allow_http=True)
    assert storage_of(ReportSettings(store="s3://reports"), settings).name.endswith("minio.example.com:9000")
    assert bucket_at("https://minio.example.com").name.endswith("https://minio.example.com")


def test_authorities_of_the_store_are_read_from_a_file(tmp_path: Path) -> None:
    missing = AwsSettings(ca_bundle=tmp_path / "none.pem")
    with pytest.raises(InvalidRequest, match="AWS_CA_BUNDLE cannot be read: No such file"):
        storage_of(ReportSettings(store="s3://reports"), missing)
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(InvalidRequest, match="AWS_"):
        storage_of(ReportSettings(store="s3://reports"), AwsSettings(ca_bundle=tmp_path / "ca.pem"))
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    assert storage_of(ReportSettings(store="s3://reports"), AwsSettings(ca_bundle=tmp_path / "ca.pem"))


@pytest.mark.parametrize("store", ["", "s3://B", "s3://bucket/../x", "gs://bucket"])
def test_what_is_no_place_for_reports_is_refused(store: str) -> None:
    with pytest.raises(ValidationError, match="must be"):
        ReportSettings(store=store)
