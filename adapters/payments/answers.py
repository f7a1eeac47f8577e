"""The payment provider's answers, translated into the domain's errors.

Messages say the status, what was asked for, and the provider's own number of the request, by which its dashboard finds
everything else; never the answer's text, which may quote anything.

| status | error |
| --- | --- |
| 429 | RateLimited |
| 408 | NetworkTimeout |
| 425, 5xx | ServiceUnavailable |
| 409 | ServiceUnavailable: another call holds the payment just now; Conflict where the provider says not to try again |
| 400, 422 | InvalidRequest |
| 401 | AuthenticationFailed |
| 402 | Conflict: understood, and refused as things stand |
| 403 | PermissionDenied |
| 404 | NotFound |
| 410 | Gone |
| any other | ServiceUnavailable |

A permanent error is believed only from the provider itself, which says so in an object of its own. A 404 of a proxy, or
of a web server that `PAYMENT_URL` leads to by mistake, is ServiceUnavailable, or one wrong minute would send all jobs
to the dead letters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
from pydantic import BaseModel, ValidationError

from domain.errors import (
    AuthenticationFailed,
    Conflict,
    Gone,
    InvalidRequest,
    JobError,
    NetworkTimeout,
    NotFound,
    PermanentError,
    PermissionDenied,
    RateLimited,
    ServiceUnavailable,
)

_PERMANENT: dict[int, type[PermanentError]] = {
    400: InvalidRequest,
    401: AuthenticationFailed,
    402: Conflict,
    403: PermissionDenied,
    404: NotFound,
    410: Gone,
    422: InvalidRequest,
}
_REQUEST_ID = re.compile(r"req_[A-Za-z0-9]{1,64}")


class _Said(BaseModel):
    error: dict[str, object]


def refusal(status: int, headers: httpx.Headers, body: bytes, subject: str) -> JobError:
    """The error for an answer other than 200; `subject` is what was asked for."""
    told = f"{status} from the payment provider for {subject}"
    number = headers.get("request-id", "")
    if _REQUEST_ID.fullmatch(number):
        told += f" (request {number})"
    wait = retry_after(headers, datetime.now(UTC))
    again = headers.get("stripe-should-retry")
    if status == 429:
        return RateLimited(told, retry_after=wait)
    if status == 408:
        return NetworkTimeout(told, retry_after=wait)
    permanent = Conflict if status == 409 and again == "false" else _PERMANENT.get(status)
    if permanent is None or again == "true":
        return ServiceUnavailable(told, retry_after=wait)
    if not _is_from_the_provider(body):
        return ServiceUnavailable(f"{told}, but not in its manner: check PAYMENT_URL", retry_after=wait)
    return permanent(told)


def _is_from_the_provider(body: bytes) -> bool:
    try:
        _Said.model_validate_json(body)
    except ValidationError:
        return False
    return True


LONGEST = timedelta(days=1)
"""A longer wait is not believed: it would only ever end in a job that is given up."""

_DIGITS = 6
"""More make more than a day, and more than 4300 no number at all in Python."""

_SECONDS = re.compile(r"\s*0*([0-9]+?)(\.[0-9]*)?\s*", re.ASCII)


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """The shortest wait that the other side asked for, from nothing to a day; None where it asked for none.

    `headers` must not care about upper and lower case. A date is compared with the answer's own `Date`, since the two
    clocks may differ; `now` is used where the answer has none.
    """
    value = headers.get("retry-after", "")
    if seconds := _SECONDS.fullmatch(value):
        return LONGEST if len(seconds[1]) > _DIGITS else min(timedelta(seconds=int(seconds[1])), LONGEST)
    until = _date(value)
    if until is None:
        return None
    return min(max(until - (_date(headers.get("date", "")) or now), timedelta()), LONGEST)


def _date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
        # A zone of -0000 comes as none at all. HTTP's dates are always UTC.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # no date, or one that no calendar has
        return None
