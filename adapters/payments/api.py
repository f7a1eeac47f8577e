"""Calls of the payment provider's HTTP interface: kept connections, limits on time and size, failures translated."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from adapters.payments.answers import refusal
from adapters.setting_types import is_loopback
from adapters.settings import PaymentSettings
from domain.errors import (
    AuthenticationFailed,
    ConnectionBroken,
    InvalidRequest,
    JobError,
    NetworkTimeout,
    OutcomeUnknown,
    ServiceUnavailable,
    TransientError,
)

API_VERSION = "2026-10-28.endive"
"""Of the provider's interface: what `shapes` was written for. Not a setting, since another one needs other code."""

_MOST_BYTES = 8 * 2**20
"""Of an answer: a page of a hundred events takes some hundred kB."""
_MOST_BYTES_OF_AN_ERROR = 64 * 2**10

_HEADERS = {
    "Accept": "application/json",
    # What is compressed has no size that could be limited before it is unpacked.
    "Accept-Encoding": "identity",
    "Stripe-Version": API_VERSION,
    "User-Agent": "durable-jobs",
}


def longest_call(settings: PaymentSettings) -> timedelta:
    """The longest that `get`, or one page of `changed_since`, can take. To be less than its policy's attempt limit."""
    return timedelta(seconds=settings.call_timeout)


class ProviderApi:
    """One process's way to the provider. Belongs to one event loop; connects when it is first asked for something."""

    def __init__(self, settings: PaymentSettings) -> None:
        """Raises InvalidRequest where the environment names a proxy that cannot be used."""
        self._settings = settings
        self.host = httpx.URL(settings.url).netloc.decode("ascii")
        headers = dict(_HEADERS)
        if settings.api_key is not None:
            headers["Authorization"] = f"Bearer {settings.api_key.get_secret_value()}"
        try:
            self._http = httpx.AsyncClient(
                base_url=settings.url,
                headers=headers,
                timeout=httpx.Timeout(
                    settings.answer_timeout, connect=settings.connect_timeout, pool=settings.wait_timeout
                ),
                limits=httpx.Limits(
                    max_connections=settings.connections, max_keepalive_connections=settings.connections
                ),
                follow_redirects=False,
                # HTTPS_PROXY and SSL_CERT_FILE are how a company's network is told to programs. Loopback needs neither.
                trust_env=not is_loopback(settings.url),
                # Nothing of one answer belongs into the next call.
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            )
        except (ImportError, ValueError, httpx.InvalidURL):
            raise InvalidRequest(
                "HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names a proxy that cannot be used: http:// and https:// can"
            ) from None

    async def get(self, path: str, query: Sequence[tuple[str, str]], subject: str) -> bytes:
        """Read something; returns the body of a 200. `subject` is what errors call it. Raises the domain's errors."""
        return await self._ask(self._http.build_request("GET", path, params=list(query)), subject)

    async def post(self, path: str, form: dict[str, str], subject: str, *, idempotency_key: str) -> bytes:
        """Write something: once, however often it is called with the same key. Returns and raises what `get` does.

        Besides, OutcomeUnknown where the connection broke, or time was over, after the request was on its way.
        """
        request = self._http.build_request("POST", path, data=form, headers={"Idempotency-Key": idempotency_key})
        return await self._ask(request, subject)

    @asynccontextmanager
    async def in_time(self, subject: str, late: type[TransientError] = NetworkTimeout) -> AsyncIterator[None]:
        """All calls of the block together may take `call_timeout`. Raises `late`."""
        limit = self._settings.call_timeout
        try:
            async with asyncio.timeout(limit):
                yield
        except TimeoutError:
            raise late(f"no answer from the payment provider for {subject} within {limit:g} s") from None

    async def aclose(self) -> None:
        """Close the kept connections. From now on nothing is asked."""
        await self._http.aclose()

    async def _ask(self, request: httpx.Request, subject: str) -> bytes:
        if self._http.is_closed:
            raise ConnectionBroken("this process no longer asks the payment provider: it is shutting down")
        if self._settings.api_key is None:
            raise AuthenticationFailed("PAYMENT_API_KEY is not set")
        try:
            response = await self._http.send(request, stream=True)
            try:
                status, headers = response.status_code, response.headers
                if status == httpx.codes.OK:
                    return await _body(response, subject)
                body = await _start_of(response, _MOST_BYTES_OF_AN_ERROR)
            finally:
                await response.aclose()
        # OSError: what TLS has to say of an answer passes the HTTP library as it is.
        except (httpx.RequestError, OSError) as exc:
            raise self._failure(exc, subject, written=request.method != "GET") from None
        raise refusal(status, headers, body, subject)

    def _failure(self, exc: Exception, subject: str, *, written: bool) -> JobError:
        match exc:
            case httpx.PoolTimeout():
                return ServiceUnavailable(
                    f"none of {self._settings.connections} connections to the payment provider became free in time"
                )
            case httpx.ConnectTimeout():
                return NetworkTimeout("no connection to the payment provider in time")
            case httpx.ConnectError() | httpx.ProxyError() | httpx.UnsupportedProtocol():
                return _not_connected(exc)
            case _ if written:
                return OutcomeUnknown(f"no answer from the payment provider for {subject}: it may have been done")
            case httpx.TimeoutException():
                return NetworkTimeout(f"no answer in time from the payment provider for {subject}")
            case _:
                return ConnectionBroken(f"the connection to the payment provider broke before its answer for {subject}")


async def _body(response: httpx.Response, subject: str) -> bytes:
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" or response.headers.get("content-encoding", "identity") != "identity":
        raise ServiceUnavailable(f"an answer for {subject} that is not plain JSON: check PAYMENT_URL")
    body = await _start_of(response, _MOST_BYTES + 1)
    if len(body) > _MOST_BYTES:
        raise ServiceUnavailable(f"the payment provider's answer for {subject} is longer than {_MOST_BYTES} bytes")
    return body


async def _start_of(response: httpx.Response, most: int) -> bytes:
    """The body, or as much of it as came when `most` bytes were there."""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) >= most:
            break
    return bytes(body)


def _not_connected(exc: BaseException) -> JobError:
    for cause in _causes(exc):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return ServiceUnavailable(
                f"the payment provider's certificate cannot be verified (X.509 error {cause.verify_code}):"
                " check PAYMENT_URL and SSL_CERT_FILE"
            )
        if isinstance(cause, ssl.SSLError):
            return ServiceUnavailable("the TLS handshake with the payment provider failed: check PAYMENT_URL")
        if isinstance(cause, socket.gaierror):
            return ConnectionBroken("the payment provider's name does not resolve: check PAYMENT_URL")
        if isinstance(cause, OSError) and cause.errno is not None:
            code = errno.errorcode.get(cause.errno, cause.errno)
            return ConnectionBroken(f"{code} connecting to the payment provider: check PAYMENT_URL")
    return ConnectionBroken("no connection to the payment provider could be made: check PAYMENT_URL and HTTPS_PROXY")


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """An exception and those behind it, the first one being the last."""
    seen: BaseException | None = exc
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
