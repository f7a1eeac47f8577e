"""The whole embedded stack: Temporal with its Web UI, PostgreSQL, a mail inbox, and a payment provider.

Everything comes from wheels.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from demo.data.staff import ALERTS_FROM, OPERATOR
from demo.inbox.part import Inbox
from demo.link_secret import LINK_SECRET
from demo.lock import FolderLock
from demo.part import Part, PartFailed, Say, silent
from demo.payments.keys import API_KEY, WEBHOOK_SECRET
from demo.payments.part import PaymentProviderPart
from demo.ports import LOOPBACK, Ports
from demo.postgres import Postgres
from demo.temporal_server import TemporalServer

_ATTEMPTS = 3


@dataclass(frozen=True)
class Death:
    """A part that ended though nobody stopped it."""

    part: str
    log: Path
    last_lines: str


class Stack:
    """Starts all parts in one folder, and sees to it that none of them outlives this process.

    Methods block for up to some seconds; in asyncio code call them through `asyncio.to_thread`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        ports: Ports | None = None,
        take_others: bool = True,
        inbox: bool = True,
        payments: bool = True,
        tuned: bool = True,
        search_attributes: Mapping[str, str] | None = None,
        temporal_args: Sequence[str] = (),
        say: Say = silent,
    ) -> None:
        """Nothing runs before `start`.

        `take_others`: where a port is taken, use another one (and say so), instead of raising `PortTaken`.
        `tuned`, `search_attributes` and `temporal_args` are the Temporal server's.
        """
        self.folder = folder.resolve()
        self.ports = ports or Ports()
        self._wanted_ports = self.ports
        self._take_others = take_others
        self._with_inbox = inbox
        self._with_payments = payments
        self._tuned = tuned
        self._search_attributes = search_attributes
        self._temporal_args = temporal_args
        self._say = say
        self._lock: FolderLock | None = None
        self._parts: list[Part] = []
        self.temporal: TemporalServer
        self.postgres: Postgres
        self.inbox: Inbox | None = None
        self.payments: PaymentProviderPart | None = None

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
    def smtp_host(self) -> str:
        """Host of the inbox's SMTP server."""
        return LOOPBACK

    @property
    def smtp_port(self) -> int:
        """Port of the inbox's SMTP server."""
        return self.ports.smtp

    @property
    def inbox_url(self) -> str:
        """Address of the inbox's page."""
        return f"http://{LOOPBACK}:{self.ports.inbox}"

    @property
    def payments_url(self) -> str:
        """Address of the payment provider, of its interface and of its page."""
        return f"http://{LOOPBACK}:{self.ports.payments}"

    def environment(self) -> dict[str, str]:
        """Variables that a worker or the command line needs to work with this stack."""
        return {
            "TEMPORAL_ADDRESS": self.temporal_address,
            "TEMPORAL_NAMESPACE": "default",
            "DATABASE_URL": self.database_url,
            "SMTP_HOST": self.smtp_host,
            "SMTP_PORT": str(self.smtp_port),
            "PAYMENT_URL": self.payments_url,
            "PAYMENT_API_KEY": API_KEY,
            "PAYMENT_CALLBACK_SECRETS": WEBHOOK_SECRET,
            "ALERT_URLS": f"mailto://{LOOPBACK}:{self.smtp_port}?from={ALERTS_FROM}&to={OPERATOR}",
            "ALERT_WINDOW": "5",
            "REPORTS_STORE": str(self.folder / "reports"),
            "REPORTS_LINK_SECRETS": LINK_SECRET,
            "JOBS_WEB_UI": self.web_ui,
        }

    def start(self) -> None:
        """Start all parts at once, and return when all of them serve.

        The variables of `environment()` are kept in the folder too, as `env`, for `set -a; . env` in a shell. Raises
        `PartFailed`, `FolderInUse` or `PortTaken`; nothing is left running then.
        """
        if self._lock is not None:
            return
        self._lock = FolderLock(self.folder)
        try:
            for attempt in range(1, _ATTEMPTS + 1):
                self.ports = self._wanted_ports.settle(take_others=self._take_others, say=self._say)
                self._make_parts(keep_open=[self._lock.fd])
                try:
                    self._start_parts()
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

    def keep(self, more: Mapping[str, str]) -> None:
        """Keep these variables in the folder's `env` too: of what is started beside the stack."""
        lines = [f"{key}={shlex.quote(value)}\n" for key, value in {**self.environment(), **more}.items()]
        (self.folder / "env").write_text("".join(lines))

    def stop(self) -> None:
        """Stop all parts; returns when none of their processes is left. Nothing happens the second time."""
        if self._lock is None:
            return
        try:
            self._stop_parts()
            (self.folder / "env").unlink(missing_ok=True)
        finally:
            self._lock.release()
            self._lock = None

    def died(self) -> list[Death]:
        """Parts that ended though nobody called their `stop` or `kill`, with the end of their logs."""
        return [Death(part.name, part.log, part.last_lines()) for part in self._parts if part.died]

    @property
    def keep_open(self) -> tuple[int, ...]:
        """File descriptors for parts that are started beside these: while one has them, the folder stays locked."""
        return () if self._lock is None else (self._lock.fd,)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts that were started, whatever has become of them."""
        return tuple(self._parts)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _make_parts(self, keep_open: Sequence[int]) -> None:
        folder, ports, say = self.folder, self.ports, self._say
        logs = folder / "logs"
        self.temporal = TemporalServer(
            folder / "temporal",
            port=ports.temporal,
            ui_port=ports.web_ui,
            log=logs / "temporal.log",
            tuned=self._tuned,
            search_attributes=self._search_attributes,
            extra_args=self._temporal_args,
            say=say,
            keep_open=keep_open,
        )
        self.postgres = Postgres(
            folder / "postgres", port=ports.postgres, log=logs / "postgres.log", say=say, keep_open=keep_open
        )
        self._parts = [self.temporal, self.postgres]
        if self._with_inbox:
            self.inbox = Inbox(
                folder / "inbox",
                smtp_port=ports.smtp,
                port=ports.inbox,
                log=logs / "inbox.log",
                say=say,
                keep_open=keep_open,
            )
            self._parts.append(self.inbox)
        if self._with_payments:
            self.payments = PaymentProviderPart(
                folder / "payments", port=ports.payments, log=logs / "payments.log", say=say, keep_open=keep_open
            )
            self._parts.append(self.payments)

    def _start_parts(self) -> None:
        with ThreadPoolExecutor(len(self._parts)) as pool:
            starts = [pool.submit(part.start) for part in self._parts]
        for start in starts:
            start.result()

    def _stop_parts(self) -> None:
        with ThreadPoolExecutor(max(len(self._parts), 1)) as pool:
            stops = [pool.submit(part.stop) for part in self._parts]
        for stop in stops:
            stop.result()
        self._parts = []
