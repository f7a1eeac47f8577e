"""The whole embedded stack: Temporal with its Web UI, PostgreSQL, a mail inbox, and a payment provider.

Everything comes from wheels.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from demo.data.shop import ALERTS_FROM, OPERATOR
from demo.part import Part, PartFailed, Say, silent
from demo.payments.provider import API_KEY, WEBHOOK_SECRET, DemoProvider
from demo.ports import LOOPBACK, Ports
from demo.postgres import Postgres
from demo.programs import Program
from demo.temporal_server import TemporalServer

_ATTEMPTS = 3

LINK_SECRET = "links-of-the-corner-shop-of-the-demo"  # noqa: S105  # opens nothing but reports of the demo
"""Signs the links to reports."""


class FolderInUse(Exception):
    """Another stack runs on the folder, or it belongs to another user."""


class FolderLock:
    """Held by the owner of a stack and by its servers, which inherit it.

    So a folder whose owner was killed stays locked until the last of its servers has ended.
    """

    def __init__(self, folder: Path, *, wait_s: float = 30) -> None:
        """Take the lock. If only servers of a dead owner hold it, wait for their end. Raises `FolderInUse`."""
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self.fd = os.open(folder / "stack.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except PermissionError as exc:
            raise FolderInUse(f"{folder} belongs to another user; start as that user, or take another folder") from exc
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                owner = os.pread(self.fd, 20, 0).decode()
                if _lives(owner) or time.monotonic() > deadline:
                    os.close(self.fd)
                    raise FolderInUse(
                        f"a stack runs on {folder} already (process {owner}); stop it, or take another folder"
                    ) from None
            time.sleep(0.05)
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let go of it."""
        os.close(self.fd)


def _lives(pid: str) -> bool:
    try:
        return psutil.Process(int(pid)).status() != psutil.STATUS_ZOMBIE
    except (ValueError, psutil.NoSuchProcess):  # not written yet, or ended
        return False


class Stack:
    """Starts all parts in one folder. None of them outlives this process.

    Methods block for up to some seconds; in asyncio code call them through `asyncio.to_thread`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        ports: Ports | None = None,
        inbox: bool = True,
        payments: type[DemoProvider] | None = DemoProvider,
        search_attributes: Mapping[str, str] | None = None,
        temporal_args: Sequence[str] = (),
        say: Say = silent,
    ) -> None:
        """Nothing runs before `start`. `payments` is the provider; the last two are the Temporal server's.

        A port that another program has is replaced by another one.
        """
        self.folder = folder.resolve()
        self.ports = ports or Ports()
        self._wanted_ports = self.ports
        self._with_inbox = inbox
        self._payments = payments
        self._search_attributes = search_attributes
        self._temporal_args = temporal_args
        self._say = say
        self._lock: FolderLock | None = None
        self._batches: list[Sequence[Part]] = []
        self.temporal: TemporalServer
        self.postgres: Postgres
        self.inbox: Program | None = None
        self.payments: DemoProvider | None = None

    @property
    def temporal_address(self) -> str:
        """`host:port` of the Temporal server."""
        return f"{LOOPBACK}:{self.ports.temporal}"

    @property
    def web_ui(self) -> str:
        """Address of Temporal's Web UI."""
        return f"http://{LOOPBACK}:{self.ports.web_ui}"

    @property
    def database_url(self) -> str:
        """Of the shop's database."""
        return f"postgresql://postgres@{LOOPBACK}:{self.ports.postgres}/shop"

    @property
    def inbox_url(self) -> str:
        """Address of the inbox's page."""
        return f"http://{LOOPBACK}:{self.ports.inbox}"

    @property
    def payments_url(self) -> str:
        """Address of the payment provider."""
        return f"http://{LOOPBACK}:{self.ports.payments}"

    def environment(self) -> dict[str, str]:
        """Variables that a worker or the command line needs to work with this stack."""
        return {
            "TEMPORAL_ADDRESS": self.temporal_address,
            "TEMPORAL_NAMESPACE": "default",
            "DATABASE_URL": self.database_url,
            "SMTP_HOST": LOOPBACK,
            "SMTP_PORT": str(self.ports.smtp),
            "PAYMENT_URL": self.payments_url,
            "PAYMENT_API_KEY": API_KEY,
            "PAYMENT_CALLBACK_SECRETS": WEBHOOK_SECRET,
            "ALERT_URLS": f"mailto://{LOOPBACK}:{self.ports.smtp}?from={ALERTS_FROM}&to={OPERATOR}",
            "ALERT_WINDOW": "5",
            "REPORTS_STORE": str(self.folder / "reports"),
            "REPORTS_LINK_SECRETS": LINK_SECRET,
            "JOBS_WEB_UI": self.web_ui,
        }

    def start(self) -> None:
        """Start all parts at once, and return when all of them serve.

        The variables of `environment()` are kept in the folder too, as `env`, for `set -a; . env` in a shell. Raises
        `PartFailed` or `FolderInUse`; nothing is left running then.
        """
        if self._lock is not None:
            return
        self._lock = FolderLock(self.folder)
        try:
            for attempt in range(1, _ATTEMPTS + 1):
                self.ports = self._wanted_ports.settle(say=self._say)
                try:
                    self.run(*self._made())
                    if self._payments:
                        self.payments = self._payments(self.ports.payments)
                        self.payments.start()
                except PartFailed as exc:
                    # Between our look at a port and the server's use of it, another program may take it.
                    if not exc.port_taken or attempt == _ATTEMPTS:
                        raise
                    self._stop_parts()
                else:
                    break
            self.keep({})
        except BaseException:
            self.stop()
            raise

    def run(self, *parts: Part) -> None:
        """Start parts, all at once, that are watched and stopped with the others. Raises `PartFailed`."""
        self._batches.append(parts)
        with ThreadPoolExecutor(len(parts)) as pool:
            starts = [pool.submit(part.start) for part in parts]
        for start in starts:
            start.result()

    def keep(self, more: Mapping[str, str]) -> None:
        """Keep these variables in the folder's `env` too: of what is started besides."""
        lines = [f"{key}={shlex.quote(value)}\n" for key, value in {**self.environment(), **more}.items()]
        (self.folder / "env").write_text("".join(lines))

    def stop(self) -> None:
        """Stop all parts; returns when none of their processes is left. Does nothing the second time."""
        if self._lock is None:
            return
        try:
            self._stop_parts()
            (self.folder / "env").unlink(missing_ok=True)
        finally:
            self._lock.release()
            self._lock = None

    def died(self) -> list[Part]:
        """Parts that ended without a call of their `stop` or `kill`."""
        return [part for part in chain(*self._batches) if part.died]

    def options(self, name: str) -> dict[str, Any]:
        """What every part of this stack is made with: `log`, `say` and `keep_open`."""
        # While a part has the lock's file descriptor, the folder stays locked.
        keep_open = () if self._lock is None else (self._lock.fd,)
        return {"log": self.folder / "logs" / f"{name}.log", "say": self._say, "keep_open": keep_open}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _made(self) -> list[Part]:
        folder, ports = self.folder, self.ports
        self.temporal = TemporalServer(
            folder / "temporal",
            port=ports.temporal,
            ui_port=ports.web_ui,
            search_attributes=self._search_attributes,
            extra_args=self._temporal_args,
            **self.options("temporal"),
        )
        self.postgres = Postgres(folder / "postgres", port=ports.postgres, **self.options("postgres"))
        parts: list[Part] = [self.temporal, self.postgres]
        if self._with_inbox:
            arguments = ["-m", "demo.inbox", str(folder / "inbox"), "--smtp-port", str(ports.smtp)]
            arguments += ["--port", str(ports.inbox)]
            self.inbox = Program("inbox", arguments, port=ports.inbox, **self.options("inbox"))
            parts.append(self.inbox)
        return parts

    def _stop_parts(self) -> None:
        if self.payments:
            self.payments.stop()
            self.payments = None
        # What was started last uses what was started first.
        while self._batches:
            parts = self._batches.pop()
            with ThreadPoolExecutor(len(parts)) as pool:
                stops = [pool.submit(part.stop) for part in parts]
            for stop in stops:
                stop.result()
