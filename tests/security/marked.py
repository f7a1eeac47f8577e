"""A secret for each setting that holds one, all different and found nowhere else; and where they are looked for."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from demo.payments.provider import API_KEY, WEBHOOK_SECRET


def _mark(name: str) -> str:
    return f"mark-of-{name}-4f2c9b"


TEMPORAL, SMTP, LINKS, AWS_ID, AWS, AWS_SESSION = map(_mark, ("temporal", "smtp", "links", "aws-id", "aws", "session"))
DATABASE = "mark/of:database@4f2c9b"
"""As long as it stands in a URL, its characters are written otherwise."""
ALERT_PATH, ALERT_PASSWORD, ALERT_QUERY = map(_mark, ("alert-path", "alert-password", "alert-query"))
HEADER = _mark("header")
"""Sent along with each call of Temporal, as servers behind a proxy of their own ask for."""
ENCRYPTION = b"mark of the encryption key 4f2c9"

SECRETS: tuple[str, ...] = (
    *(TEMPORAL, SMTP, LINKS, AWS_ID, AWS, AWS_SESSION),
    *(DATABASE, quote(DATABASE, safe="")),
    *(ALERT_PATH, ALERT_PASSWORD, ALERT_QUERY, HEADER),
    *(ENCRYPTION.decode(), base64.b64encode(ENCRYPTION).decode()),
    # The stack's provider knows these alone.
    *(API_KEY, WEBHOOK_SECRET.removeprefix("whsec_")),
)


def variables(database: str, alerts: int, reports: Path) -> dict[str, str]:
    """What a worker or the HTTP interface is given. `alerts` is the port of a receiver."""
    url = database.replace("postgres@", f"postgres:{quote(DATABASE, safe='')}@")
    return {
        "TEMPORAL_API_KEY": TEMPORAL,
        "TEMPORAL_TLS": "false",
        "TEMPORAL_GRPC_META_X_PROXY_AUTHORIZATION": f"Bearer {HEADER}",
        "DATABASE_URL": url,
        "DATABASE_LISTEN_URL": url,
        "SMTP_USERNAME": "shop",
        "SMTP_PASSWORD": SMTP,
        "PAYMENT_API_KEY": API_KEY,
        "PAYMENT_CALLBACK_SECRETS": WEBHOOK_SECRET,
        "REPORTS_LINK_SECRETS": LINKS,
        "REPORTS_STORE": str(reports),
        "AWS_ACCESS_KEY_ID": AWS_ID,
        "AWS_SECRET_ACCESS_KEY": AWS,
        "AWS_SESSION_TOKEN": AWS_SESSION,
        "ALERT_URLS": f"json://ops:{ALERT_PASSWORD}@127.0.0.1:{alerts}/{ALERT_PATH}?-token={ALERT_QUERY}",
        "ALERT_WINDOW": "0",
    }


ENCRYPTING = {"JOBS_ENCRYPTION_KEYS": f"2026-11:{base64.b64encode(ENCRYPTION).decode()}"}


def found_in(text: str, more: Iterable[str] = ()) -> set[str]:
    return {secret for secret in (*SECRETS, *more) if secret in text}


def kept_by_temporal(folder: Path) -> str:
    """All of the embedded server's database: its file and what is still in the log beside it."""
    return "".join(path.read_bytes().decode("latin-1") for path in sorted(folder.rglob("temporal.db*")))
