"""A process that starts a stack, for tests that kill it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from demo.ports import Ports, is_taken

SCRIPT = """
import json, sys, time
from pathlib import Path
from demo.ports import Ports
from demo.stack import Stack
with Stack(Path(sys.argv[1]), ports=Ports(**json.loads(sys.argv[2])), take_others=False) as stack:
    print("up", flush=True)
    time.sleep(600)
"""


def _is_zombie(process: psutil.Process) -> bool:
    """Ended, but whoever inherited it from the killed owner has not taken note yet."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@dataclass
class Owner:
    """A process that started a stack."""

    process: subprocess.Popen[str]
    ports: Ports
    everyone: list[psutil.Process]
    """The stack's processes, their guards included."""

    @classmethod
    def start(cls, folder: Path) -> Owner:
        """Start it; returns when the stack serves."""
        ports = Ports.free()
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(folder), json.dumps(asdict(ports))], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        with process.stdout:
            assert process.stdout.readline() == "up\n"
        return cls(process, ports, psutil.Process(process.pid).children(recursive=True))

    @property
    def guards(self) -> list[psutil.Process]:
        """Its children; their children are the servers."""
        return psutil.Process(self.process.pid).children()

    def kill_with(self, others: Iterable[psutil.Process]) -> None:
        """Kill it, then these of its processes."""
        self.process.kill()
        for process in others:
            with contextlib.suppress(psutil.NoSuchProcess):  # ended by itself, since its parent was killed before
                process.kill()

    def survivors(self, *, within: float = 30) -> list[psutil.Process]:
        """Who is still there when all should have ended, at the latest so many seconds from now."""
        self.process.wait()
        _, alive = psutil.wait_procs(self.everyone, timeout=within)
        return [process for process in alive if not _is_zombie(process)]

    def busy_ports(self) -> list[int]:
        """Those of its ports on which a program listens."""
        return [port for port in asdict(self.ports).values() if is_taken(port)]


OwnerStarter = Callable[[], Owner]
"""Starts a stack on the test's folder."""
