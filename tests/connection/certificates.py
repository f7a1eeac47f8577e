"""Certificates of authorities of the tests' own, in files as settings name them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

_DAY = timedelta(days=1)


def expired(authority: trustme.CA, name: str) -> trustme.LeafCert:
    """A certificate that was good until yesterday."""
    now = datetime.now(UTC)
    return authority.issue_cert(name, not_before=now - 9 * _DAY, not_after=now - _DAY)


def authority_file(authority: trustme.CA, path: Path) -> str:
    authority.cert_pem.write_to_path(path)
    return str(path)


def client_variables(certificate: trustme.LeafCert, folder: Path) -> dict[str, str]:
    """Variables that make a client show this certificate to Temporal."""
    folder.mkdir(exist_ok=True)
    certificate.cert_chain_pems[0].write_to_path(folder / "client.pem")
    certificate.private_key_pem.write_to_path(folder / "client.key")
    return {
        "TEMPORAL_TLS_CLIENT_CERT_PATH": str(folder / "client.pem"),
        "TEMPORAL_TLS_CLIENT_KEY_PATH": str(folder / "client.key"),
    }
