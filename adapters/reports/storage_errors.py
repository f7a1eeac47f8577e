"""Translates errors of a folder's disk and of an S3-compatible store.

The messages have the store's code and the settings to check. They have neither paths nor the store's own texts, which
name buckets and accounts: both would end up in history.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from obstore.exceptions import BaseError, PreconditionError

from domain.errors import (
    ConnectionBroken,
    Gone,
    InvalidRequest,
    JobError,
    NetworkTimeout,
    PermissionDenied,
    RateLimited,
    ServiceUnavailable,
)

_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_NOT_THERE = frozenset({errno.ENOENT, errno.EISDIR, errno.ENOTDIR})
_NOT_A_FOLDER = frozenset({errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP})

_OS_ERROR = re.compile(r"(?:os error |code: )(\d+)")
_STATUS = re.compile(r"non-2xx status code: (\d{3})")
_CODE = re.compile(r"<Code>([A-Za-z0-9.]{1,60})</Code>")


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
    if number in _FORBIDDEN:
        return PermissionDenied(
            f"The folder of REPORTS_STORE may not be used by this process ({code}): let its user read and write there."
        )
    if (number in _NOT_THERE or isinstance(exc, FileNotFoundError)) and root.is_dir():
        return Gone("The report storage has no such object.")
    if number in _NOT_A_FOLDER:
        return InvalidRequest(f"REPORTS_STORE must be a folder, or a place for one ({code}).")
    # A disk that is not mounted is no reason to report that files are gone for good.
    return ServiceUnavailable(
        f"The disk of REPORTS_STORE cannot be used for now ({code}): is it mounted, and has it room?"
    )


def _bucket_error(exc: BaseError | OSError) -> JobError | OutOfRange:
    text = str(exc)
    status = int(found[1]) if (found := _STATUS.search(text)) else None
    code = found[1] if (found := _CODE.search(text)) else ""
    answer = " ".join(filter(None, (str(status or ""), code))) or type(exc).__name__
    if status is None and "HTTP error" in text:
        return ConnectionBroken(
            "The store of REPORTS_STORE cannot be reached, or does not answer in time: is AWS_ENDPOINT_URL right? "
            "If AWS_ACCESS_KEY_ID is not set, this machine's own role is asked for."
        )
    match status:
        case 401 | 403:
            return PermissionDenied(
                f"The store of REPORTS_STORE does not permit this ({answer}): check AWS_ACCESS_KEY_ID, "
                "AWS_SECRET_ACCESS_KEY and the clock. The credentials must be allowed to get, put, delete and list "
                "objects of the bucket, and to abort uploads."
            )
        case 404 if code == "NoSuchBucket":
            return InvalidRequest(f"There is no bucket as REPORTS_STORE names it ({answer}): create or correct it.")
        case 416:
            return OutOfRange()
        case _ if status == 429 or code == "SlowDown":
            return RateLimited(f"The store of REPORTS_STORE asks us to slow down ({answer}).")
        case _ if status == 404 or (status is None and isinstance(exc, FileNotFoundError)):
            return Gone("The report storage has no such object.")
        case _ if "redirect without LOCATION" in text or (status is not None and status < 500 and status != 408):
            return InvalidRequest(f"The store of REPORTS_STORE refuses the request ({answer}): check AWS_*.")
    return ServiceUnavailable(f"The store of REPORTS_STORE cannot be used for now ({answer}).")
