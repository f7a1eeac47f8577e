"""What an S3-compatible store says, in our words: its codes, and never its texts, which name buckets and accounts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import BaseError, PreconditionError

from domain.errors import (
    AuthenticationFailed,
    ConnectionBroken,
    Gone,
    InvalidRequest,
    JobError,
    NetworkTimeout,
    PermissionDenied,
    RateLimited,
    ServiceUnavailable,
)

_STATUS = re.compile(r"non-2xx status code: (\d{3})")
_CODE = re.compile(r"<Code>([A-Za-z0-9.]{1,60})</Code>")
_CREDENTIALS = frozenset(
    {
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "InvalidToken",
        "TokenRefreshRequired",
        "RequestTimeTooSkewed",
        "InvalidClientTokenId",
    }
)
_FULL = frozenset({"XMinioStorageFull", "QuotaExceeded", "InsufficientCapacity"})
_METADATA = re.compile("/latest/(api|meta-data)/")
"""Where a machine of AWS's tells its credentials."""


class OutOfRange(Exception):
    """No byte of the object is in the range that was asked for."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise a JobError for what the store says, or OutOfRange."""
    try:
        yield
    except TimeoutError as exc:
        raise NetworkTimeout("The store of REPORTS_STORE did not answer in time.") from exc
    # The second is what the end of writing raises, with the same texts.
    except (BaseError, OSError) as exc:
        raise _error(exc) from exc


def _error(exc: BaseError | OSError) -> JobError | OutOfRange:
    text = str(exc)
    status = int(found[1]) if (found := _STATUS.search(text)) else None
    code = found[1] if (found := _CODE.search(text)) else ""
    said = " ".join(filter(None, (str(status or ""), code))) or type(exc).__name__
    if isinstance(exc, PreconditionError) or status == 412:
        return ServiceUnavailable("The object was written anew while it was read.")
    if _METADATA.search(text):
        return ServiceUnavailable(
            "There are no credentials for REPORTS_STORE: AWS_ACCESS_KEY_ID is not set, and this machine has no role."
        )
    if code in _CREDENTIALS or status == 401:
        return AuthenticationFailed(
            f"The store of REPORTS_STORE does not accept our credentials ({said}): "
            "correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or where else they come from, and look at the clock."
        )
    if status == 403:
        return PermissionDenied(
            f"The store of REPORTS_STORE does not permit this ({said}): our credentials must be allowed to get, put, "
            "delete and list objects of the bucket, and to abort uploads."
        )
    if code == "NoSuchBucket":
        return InvalidRequest("There is no bucket as REPORTS_STORE names it (NoSuchBucket): create it, or correct it.")
    if status == 404 or (status is None and isinstance(exc, FileNotFoundError)):
        return Gone("The report storage has no such object.")
    if status == 416:
        return OutOfRange()
    if status == 429 or code == "SlowDown":
        return RateLimited(f"The store of REPORTS_STORE asks us to slow down ({said}).")
    if code in _FULL or status == 507:
        return ServiceUnavailable(f"The disk of REPORTS_STORE is full ({said}): make room there.")
    if "redirect without LOCATION" in text or (status is not None and 300 <= status < 500 and status != 408):
        return InvalidRequest(
            f"The store of REPORTS_STORE cannot make sense of the request ({said}): look at AWS_REGION and "
            "AWS_ENDPOINT_URL."
        )
    if status is None and "HTTP error" in text:
        return ConnectionBroken(
            "The store of REPORTS_STORE cannot be reached, or does not answer in time: is AWS_ENDPOINT_URL right?"
        )
    return ServiceUnavailable(f"The store of REPORTS_STORE cannot be used for now ({said}).")
