"""Which ports the stack's servers listen on. All of them on the loopback interface only."""

from __future__ import annotations

import errno
import random
import socket
from collections.abc import Iterable
from dataclasses import asdict, dataclass

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

    @classmethod
    def free(cls) -> Ports:
        """Ports that nobody uses, picked at random: for tests, of which several may run at a time."""
        return cls(0, 0, 0, 0, 0, 0).settle()

    def settle(self, *, take_others: bool = True, say: Say = silent) -> Ports:
        """Replace what is 0 and, with `take_others`, what another program has. Raises `PortTaken`."""
        settled: dict[str, int] = {}
        for name, port in asdict(self).items():
            if port == 0:
                settled[name] = free_port(exclude=settled.values())
            elif port not in settled.values() and not is_taken(port):
                settled[name] = port
            elif take_others:
                settled[name] = _next_free(port, [*settled.values(), *asdict(self).values()])
                say(f"Port {port} ({name}) is taken by another program; using {settled[name]}.")
            else:
                raise PortTaken(f"port {port} ({name}) is taken by another program; free it, or choose another port")
        return Ports(**settled)


class PortTaken(Exception):
    """Another program listens on the port."""


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
    """A port that nobody uses, picked at random; `exclude` holds ports not to pick."""
    avoid = set(exclude)
    while True:
        port = _RANDOM.choice(_FREE)
        if port not in avoid and not is_taken(port):
            return port


def _next_free(port: int, avoid: list[int]) -> int:
    candidates = (p for p in range(port + 1, min(port + 200, 65_536)) if p not in avoid and not is_taken(p))
    return next(candidates, None) or free_port(avoid)
