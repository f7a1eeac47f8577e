"""Translates errors of a folder's disk and of an S3-compatible store.

The messages name the setting and the store's code. They have neither paths, which would end up in history, nor the
store's texts, which name buckets and accounts.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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

_FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_NOT_THERE = frozenset({errno.ENOENT, errno.EISDIR, errno.ENOTDIR})
_NOT_A_FOLDER = frozenset({errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP})

_OS_ERROR = re.compile(r"(?:os error |code: )(\d+)")
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
_FULL_STORE = frozenset({"XMinioStorageFull", "QuotaExceeded", "InsufficientCapacity"})
_METADATA = re.compile("/latest/(api|meta-data)/")
"""Where machines of AWS get credentials."""


class OutOfRange(Exception):
    """No byte of the object is in the range that was asked for."""


@contextmanager
def translated(root: Path | None) -> Iterator[None]:
    """Raise a JobError, or OutOfRange. `root`: the folder; None for a bucket."""
    try:
        yield
    except TimeoutError as exc:
        raise NetworkTimeout("The store of REPORTS_STORE did not answer in time.") from exc
    # The second is raised by the end of writing, with the same texts, and by the disk.
    except (BaseError, OSError) as exc:
        if isinstance(exc, PreconditionError):
            raise ServiceUnavailable("The object was replaced while it was read.") from exc
        raise (_bucket_error(exc) if root is None else _folder_error(exc, root)) from exc


def _folder_error(exc: BaseError | OSError, root: Path) -> JobError | OutOfRange:
    number = getattr(exc, "errno", None)
    if number is None and (found := _OS_ERROR.search(str(exc))):
        number = int(found[1])
    code = errno.errorcode.get(number or 0, "unknown")
    if "range was invalid" in str(exc):
        return OutOfRange()
    if number in _FULL_DISK:
        return ServiceUnavailable(f"The disk of REPORTS_STORE is full ({code}): make room there.")
    if number in _FORBIDDEN:
        return PermissionDenied(
            f"The folder of REPORTS_STORE may not be used by this process ({code}): let its user read and write there."
        )
    if (number in _NOT_THERE or isinstance(exc, FileNotFoundError)) and root.is_dir():
        return Gone("The report storage has no such object.")
    if number == errno.ENOENT:
        # A disk that is not mounted is no reason to report that files are gone for good.
        return ServiceUnavailable("The folder of REPORTS_STORE is not there: is its disk mounted?")
    if number in _NOT_A_FOLDER:
        return InvalidRequest(f"REPORTS_STORE must be a folder, or a place for one ({code}).")
    return ServiceUnavailable(f"The disk of REPORTS_STORE cannot be used for now ({code}).")


def _bucket_error(exc: BaseError | OSError) -> JobError | OutOfRange:
    text = str(exc)
    status = int(found[1]) if (found := _STATUS.search(text)) else None
    code = found[1] if (found := _CODE.search(text)) else ""
    answer = " ".join(filter(None, (str(status or ""), code))) or type(exc).__name__
    if status == 412:
        return ServiceUnavailable("The object was replaced while it was read.")
    if _METADATA.search(text):
        return ServiceUnavailable(
            "There are no credentials for REPORTS_STORE: AWS_ACCESS_KEY_ID is not set, and this machine has no role."
        )
    if code in _CREDENTIALS or status == 401:
        return AuthenticationFailed(
            f"The store of REPORTS_STORE does not accept our credentials ({answer}): "
            "correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or where else they come from, and check the clock."
        )
    if status == 403:
        return PermissionDenied(
            f"The store of REPORTS_STORE does not permit this ({answer}): our credentials must be allowed to get, put, "
            "delete and list objects of the bucket, and to abort uploads."
        )
    if code == "NoSuchBucket":
        return InvalidRequest("There is no bucket as REPORTS_STORE names it (NoSuchBucket): create it, or correct it.")
    if status == 404 or (status is None and isinstance(exc, FileNotFoundError)):
        return Gone("The report storage has no such object.")
    if status == 416:
        return OutOfRange()
    if status == 429 or code == "SlowDown":
        return RateLimited(f"The store of REPORTS_STORE asks us to slow down ({answer}).")
    if code in _FULL_STORE or status == 507:
        return ServiceUnavailable(f"The disk of REPORTS_STORE is full ({answer}): make room there.")
    if "redirect without LOCATION" in text or (status is not None and 300 <= status < 500 and status != 408):
        return InvalidRequest(
            f"The store of REPORTS_STORE does not understand the request ({answer}): check AWS_REGION and "
            "AWS_ENDPOINT_URL."
        )
    if status is None and "HTTP error" in text:
        return ConnectionBroken(
            "The store of REPORTS_STORE cannot be reached, or does not answer in time: is AWS_ENDPOINT_URL right?"
        )
    return ServiceUnavailable(f"The store of REPORTS_STORE cannot be used for now ({answer}).")
