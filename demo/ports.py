"""The ports that the stack's servers listen on, all of them on the loopback interface only."""

from __future__ import annotations

import errno
import random
import socket
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

from demo.part import Say, silent

LOOPBACK = "127.0.0.1"

_RANDOM = random.SystemRandom()

# Below the range that systems take ports from for outgoing connections: a server that is restarted must find its port
# free again, although clients connect all the time.
_FREE = range(15_000, 32_000)


@dataclass(frozen=True)
class Ports:
    """A port for each server; 0 stands for any free one."""

    temporal: int = 7233
    web_ui: int = 8233
    postgres: int = 5432
    smtp: int = 1025
    inbox: int = 8025
    payments: int = 8026
    api: int = 8080
    worker: int = 9090

    @classmethod
    def free(cls) -> Ports:
        """Free ports, picked at random: for tests, of which several may run at a time."""
        return cls(*(0 for _ in fields(cls))).settle()

    def settle(self, *, say: Say = silent) -> Ports:
        """Replace each 0, and each port that another program has."""
        settled: dict[str, int] = {}
        for name, port in asdict(self).items():
            taken = port == 0 or port in settled.values() or is_taken(port)
            settled[name] = free_port([*settled.values(), *asdict(self).values()]) if taken else port
            if port and taken:
                say(f"Port {port} ({name}) is taken by another program; using {settled[name]}.")
        return Ports(**settled)


def is_taken(port: int) -> bool:
    """Whether a program listens on the port."""
    with socket.socket() as probe:
        # Without it, connections that a server has just closed would make its port look taken for a minute.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as exc:
            if exc.errno in (errno.EADDRINUSE, errno.EACCES):  # the latter: below 1024, and we are not root
                return True
            raise
    # Some systems let one bind to the loopback address although a program listens on all addresses.
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def free_port(exclude: Iterable[int] = ()) -> int:
    """A free port, picked at random; `exclude` holds ports not to pick."""
    avoid = set(exclude)
    while True:
        port = _RANDOM.choice(_FREE)
        if port not in avoid and not is_taken(port):
            return port
