"""Who types a command: `user@machine`."""

from __future__ import annotations

import getpass
import socket


def who() -> str:
    """For audit trails, where nothing else is said."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
