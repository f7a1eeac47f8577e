"""What a disk says, in our words. They name the setting, never a path, which ends up in history."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from domain.errors import Gone, InvalidRequest, JobError, PermissionDenied, ServiceUnavailable

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_NOT_THERE = frozenset({errno.ENOENT, errno.EISDIR, errno.ENOTDIR})
_NOT_A_FOLDER = frozenset({errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP})


@contextmanager
def translated(root: Path) -> Iterator[None]:
    """Raise a JobError for what the disk of this folder says."""
    try:
        yield
    except OSError as exc:
        raise _error(exc, root) from exc


def _error(exc: OSError, root: Path) -> JobError:
    code = errno.errorcode.get(exc.errno or 0, "unknown")
    if exc.errno in _FULL:
        return ServiceUnavailable(f"The disk of REPORTS_STORE is full ({code}): make room there.")
    if exc.errno in _FORBIDDEN:
        return PermissionDenied(
            f"The folder of REPORTS_STORE may not be used by this process ({code}): let its user read and write there."
        )
    if exc.errno in _NOT_THERE and root.is_dir():
        return Gone("The report storage has no such object.")
    if exc.errno == errno.ENOENT:
        # A disk that is not mounted is no reason to tell anybody that reports are gone for good.
        return ServiceUnavailable("The folder of REPORTS_STORE is not there: is its disk mounted?")
    if exc.errno in _NOT_A_FOLDER:
        return InvalidRequest(f"REPORTS_STORE must be a folder, or a place for one ({code}).")
    return ServiceUnavailable(f"The disk of REPORTS_STORE cannot be used for now ({code}).")
