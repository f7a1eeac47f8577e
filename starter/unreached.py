"""Why no connection to Temporal could be made, and which variable to mend.

The SDK tells the reason in its text alone, as rustls and tonic print it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from temporalio.service import TLSConfig

from starter.errors import NotAuthorised, StarterError, TemporalUnreachable

_CLIENT = "TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH"
_NEW_KEY = "set TEMPORAL_API_KEY to a new one, and restart what has the old one"

_NO_TLS = (
    "it does not speak TLS. Set TEMPORAL_TLS=false (an API key asks for TLS too), or correct TEMPORAL_ADDRESS",
    "InvalidMessage",
)
_CERTIFICATES = (
    (
        "its certificate has expired, or is not valid yet. Renew it there, and look at this machine's clock",
        r"InvalidCertificate\((Expired|NotValidYet)",
    ),
    (
        "its certificate is for another name{names}. Correct TEMPORAL_ADDRESS, or set TEMPORAL_TLS_SERVER_NAME to the "
        "certificate's name",
        r"InvalidCertificate\(NotValidForName",
    ),
    (
        "its certificate is signed by an authority that we do not know. Name a PEM file with that authority in "
        "TEMPORAL_TLS_SERVER_CA_CERT_PATH (without it, those of this machine count)",
        r"InvalidCertificate\(UnknownIssuer",
    ),
    ("its certificate cannot be used. Look at TEMPORAL_TLS_SERVER_CA_CERT_PATH", r"InvalidCertificate"),
    (
        f"our client certificate's key cannot be read. {_CLIENT} must name PEM files",
        r"PrivateKeyParse|CertificateParse",
    ),
    (f"our client certificate and its key do not belong together. Correct {_CLIENT}", r"InconsistentKeys|KeyMismatch"),
)
_BROKEN_OFF = re.compile(r"after connection: Status \{ code: (Unknown|Cancelled|Unavailable)")


@dataclass(frozen=True)
class Attempt:
    """How a connection was tried."""

    address: str
    tls: bool | TLSConfig | None = None
    api_key: str | None = None

    @property
    def encrypted(self) -> bool:
        """With TLS, which an API key switches on where nothing is said."""
        return bool(self.api_key) if self.tls is None else bool(self.tls)

    @property
    def with_certificate(self) -> bool:
        """With a certificate of ours."""
        return isinstance(self.tls, TLSConfig) and bool(self.tls.client_cert)


def unreached(exc: Exception, attempt: Attempt) -> StarterError:
    """The error to raise where no connection could be made. Its message is one line."""
    reason, address = str(exc), attempt.address
    if "Unauthenticated" in reason or "PermissionDenied" in reason:
        return NotAuthorised(f"Temporal at {address} does not accept us. {credentials(attempt)}")
    for said, pattern in (_NO_TLS, *_CERTIFICATES):
        if re.search(pattern, reason):
            why = said.format(names=_presented(reason))
            return TemporalUnreachable(f"No TLS connection to Temporal at {address} could be made: {why}.")
    if _BROKEN_OFF.search(reason):
        return TemporalUnreachable(f"Temporal at {address} breaks the connection off. {_broken_off(attempt)}")
    return TemporalUnreachable(
        f"Temporal does not answer at {address}. Is it running, and is TEMPORAL_ADDRESS right? "
        f"(On this machine: `make demo` starts one.)"
    )


def credentials(attempt: Attempt) -> str:
    """What to mend where the server does not know who we are."""
    if attempt.api_key:
        return f"The API key is wrong, revoked or expired: {_NEW_KEY}."
    if attempt.with_certificate:
        return f"Set TEMPORAL_API_KEY, or {_CLIENT} to a certificate that the namespace knows."
    return f"Set TEMPORAL_API_KEY, or {_CLIENT}."


def permission(attempt: Attempt) -> str:
    """What to mend where the server does not let us do something.

    A server that checks tokens itself answers so to an expired one as well, and Temporal Cloud where there is no such
    namespace.
    """
    namespace = "Correct TEMPORAL_NAMESPACE (Temporal Cloud's are of the form name.account)"
    if attempt.api_key:
        return (
            f"{namespace}, or grant the owner of TEMPORAL_API_KEY the permission to write in it. Where it worked "
            f"before, the key may have expired: {_NEW_KEY}."
        )
    if attempt.with_certificate:
        return f"{namespace}, or have it give the owner of our client certificate ({_CLIENT}) the right to write in it."
    return f"{namespace}, or tell who we are: set TEMPORAL_API_KEY, or {_CLIENT}."


def _broken_off(attempt: Attempt) -> str:
    if not attempt.encrypted:
        return "It may want TLS: set TEMPORAL_TLS=true, or TEMPORAL_API_KEY, or a client certificate (TEMPORAL_TLS_*)."
    if attempt.with_certificate:
        return (
            f"It may not accept our client certificate: see that {_CLIENT} name one that has not expired, and whose "
            f"authority the namespace knows."
        )
    return f"It may want a client certificate: set {_CLIENT}."


def _presented(reason: str) -> str:
    """The names of a certificate, as rustls prints them."""
    names = re.search(r"presented: \[(.*?)\]\s*\}", reason)
    found = re.findall(r'\w+\(\\*"?([^"\\)]+)', names[1]) if names else []
    return f" ({', '.join(found[:5])})" if found else ""
