"""What is wrong with DATABASE_URL, where no connection could be made by it: told by its options' names alone.

The driver reads the URL and the files that it names again for each connection. Its texts quote the URL, or leave open
which file is meant; so the files are looked at once more here, after a failure.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import asyncpg

from domain.errors import ConnectionBroken, JobError, ServiceUnavailable

_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_WITH_TLS = ("require", "verify-ca", "verify-full")
_SYSTEMS = "/etc/ssl/certs/ca-certificates.crt"
"""Where Debian has the authorities that it trusts."""

_UNKNOWN_OPTION = ("42704", "55P02")
"""SQLSTATEs: what the driver does not know it passes on as a setting of the session."""


def problem_of(dsn: str, error: Exception) -> JobError | None:
    """The error to raise instead of what `asyncpg.connect` raised; None where that does not come of the URL."""
    options = dict(parse_qsl(urlsplit(dsn).query))
    if isinstance(error, asyncpg.PostgresError):
        return _said_by_server(options, error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return None
    if isinstance(error, (ValueError, FileNotFoundError, PermissionError, IsADirectoryError, ssl.SSLError)):
        if problem := _of_tls(options):
            return ServiceUnavailable(f"DATABASE_URL cannot be used: {problem}.")
        if isinstance(error, ssl.SSLError):
            return None
        return ServiceUnavailable(
            f"DATABASE_URL cannot be used ({type(error).__name__}): correct its hosts, ports and options, and the "
            f"files that it names."
        )
    return None


def _said_by_server(options: Mapping[str, str], error: asyncpg.PostgresError) -> JobError | None:
    if error.sqlstate in _UNKNOWN_OPTION:
        for name in options:
            if f'"{name}"' in str(error):
                return ServiceUnavailable(
                    f"DATABASE_URL cannot be used: neither the driver nor the database takes its option {name}. Take "
                    f"it out; TLS is asked for by sslmode."
                )
    if isinstance(error, asyncpg.ConnectionDoesNotExistError) and options.get("sslmode", "") in _WITH_TLS:
        # With TLS 1.3 a client hears of the server's verdict by the end of the connection alone.
        return ConnectionBroken(
            "The database breaks the connection off. It may not accept our client certificate: see that sslcert and "
            "sslkey of DATABASE_URL name one that has not expired, and whose authority the database knows "
            "(ssl_ca_file)."
            if "sslcert" in options
            else "The database breaks the connection off. Where it goes on doing so, it may want a client certificate: "
            "add sslcert and sslkey to DATABASE_URL."
        )
    return None


def _of_tls(options: Mapping[str, str]) -> str | None:
    mode, trusted = options.get("sslmode", "prefer"), options.get("sslrootcert")
    if mode not in _MODES:
        return f"sslmode must be one of {', '.join(_MODES)}"
    if trusted == "system":
        return f"the driver does not know sslrootcert=system. Name a file ({_SYSTEMS}, say)"
    if mode.startswith("verify-") and not trusted and not _has_default_authorities():
        return (
            f"sslmode={mode} needs sslrootcert, a PEM file of the authority that signed the database's certificate "
            f"({_SYSTEMS}, say)"
        )
    return _of_authorities("sslrootcert", trusted) or _of_certificate(options)


def _has_default_authorities() -> bool:
    try:
        return Path("~/.postgresql/root.crt").expanduser().exists()
    except RuntimeError:  # no home, as for a container's user without an entry
        return False


def _of_authorities(name: str, path: str | None) -> str | None:
    try:
        if path:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        return f"the file of {name} has no certificate in PEM form"
    except OSError as exc:
        return f"the file of {name} cannot be read ({exc.strerror})"
    return None


def _of_certificate(options: Mapping[str, str]) -> str | None:
    certificate, key = options.get("sslcert"), options.get("sslkey")
    if not certificate:
        return "sslkey needs sslcert" if key else None
    for name, path in (("sslcert", certificate), ("sslkey", key)):
        try:
            if path:
                Path(path).read_bytes()
        except OSError as exc:
            return f"the file of {name} cannot be read ({exc.strerror})"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(
            certificate, key, password=lambda: options.get("sslpassword", "")
        )
    except ssl.SSLError as exc:
        if exc.reason == "KEY_VALUES_MISMATCH":
            return "sslcert and sslkey do not belong together"
        if not key:
            return "sslcert needs sslkey, the PEM file of the certificate's key"
        return "sslcert and sslkey must name PEM files (an encrypted key needs sslpassword)"
    return None
