"""Where reports are kept, as the settings say: a folder, or a bucket of an S3-compatible store."""

from __future__ import annotations

import uuid

from adapters.reports.bucket import Bucket
from adapters.reports.folder import Folder
from adapters.settings import AwsSettings, ReportSettings
from domain.errors import ServiceUnavailable

ReportStorage = Folder | Bucket
"""Implement `adapters.reports.storage.Storage`."""

_PROBES = "probes/"
_CONTENT = b"Written to see whether it can be, and removed at once."


def storage_of(settings: ReportSettings, aws: AwsSettings) -> ReportStorage:
    """The storage, which is not touched before it is used. Raises InvalidRequest for settings that cannot be used."""
    if settings.bucket is None:
        return Folder(settings.folder)
    return Bucket(*settings.bucket, aws)


async def probe(storage: ReportStorage) -> str:
    """Probe for a `Need`: objects can be written, listed, read and removed. Raises a JobError."""
    key = _PROBES + uuid.uuid4().hex
    async with storage.writing(key) as sink:
        await sink.write(_CONTENT)
    try:
        async with storage.reading(key) as pieces:
            read = b"".join([piece async for piece in pieces])
        listed = [found.key async for found in storage.stored(_PROBES)]
    finally:
        await storage.remove([key])
    if read != _CONTENT or key not in listed:
        raise ServiceUnavailable("The report storage does not give back what it was given: look at REPORTS_STORE.")
    return storage.place
