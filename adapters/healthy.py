"""Tells whether a process is well, by its own endpoint: for health checks in images that have no curl.

    python -m adapters.healthy http://127.0.0.1:9090/readyz

Exit status: 0 where it answers 200 within four seconds, else 1, and 2 for wrong options.
"""

from __future__ import annotations

import http.client
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

_TIMEOUT = 4.0
"""Seconds."""
_SHOWN = 500
"""Characters of an answer: it goes into what `docker inspect` shows."""


def main(arguments: Sequence[str]) -> int:
    """Ask once; returns the exit status."""
    url = urlsplit(arguments[0]) if len(arguments) == 1 else urlsplit("")
    if url.scheme != "http" or not url.hostname:
        sys.stderr.write("usage: python -m adapters.healthy http://127.0.0.1:9090/readyz\n")
        return 2
    # Not urllib.request: that would ask a proxy where the environment names one.
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=_TIMEOUT)
    try:
        connection.request("GET", url.path or "/")
        answer = connection.getresponse()
        text = answer.read(_SHOWN).decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as exc:
        sys.stdout.write(f"no answer: {type(exc).__name__}\n")
        return 1
    finally:
        connection.close()
    sys.stdout.write(f"{answer.status} {text}\n")
    return 0 if answer.status == http.HTTPStatus.OK else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
