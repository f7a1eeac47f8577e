"""Secrets that stand in files: `DATABASE_URL_FILE=/run/secrets/database_url` in place of `DATABASE_URL`.

Containers get them so: what stands in the environment is shown by everything that shows a container.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

_SUFFIX = "_FILE"

NAMES = (
    *("TEMPORAL_API_KEY", "DATABASE_URL", "DATABASE_LISTEN_URL", "SMTP_PASSWORD", "ALERT_URLS"),
    *("PAYMENT_API_KEY", "PAYMENT_CALLBACK_SECRETS", "REPORTS_LINK_SECRETS"),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
)
"""No others: `SMTP_CA_FILE` and their like are settings of their own."""


class SecretFileUnusable(ValueError):
    """A file that is to hold a secret cannot be used. The message names the variable, and never shows the secret."""


def read(environment: MutableMapping[str, str] | None = None) -> None:
    """Set each of `NAMES` whose file is named, before settings are read. An empty file sets nothing.

    The variables that name files are taken away, so that a process started from here does not read them again. Raises
    SecretFileUnusable.
    """
    given = os.environ if environment is None else environment
    for name in NAMES:
        path = given.pop(name + _SUFFIX, "")
        if not path:
            continue
        if name in given:
            raise SecretFileUnusable(f"{name} and {name}{_SUFFIX} are both set: leave one of them out.")
        try:
            secret = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as exc:
            why = exc.strerror if isinstance(exc, OSError) else "it is no text"
            raise SecretFileUnusable(
                f"{name}{_SUFFIX}: {path} cannot be read ({why}). It must be there, and readable for user id "
                f"{os.getuid()}."
            ) from None
        if secret:
            given[name] = secret
