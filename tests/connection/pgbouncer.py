"""PgBouncer in transaction mode, before a database of the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from demo.ports import LOOPBACK, free_port, is_taken
from demo.postgres import Postgres

PROGRAM = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")

_CONFIGURATION = """
[databases]
* = host={host} port={server} user=postgres
[pgbouncer]
listen_addr = {host}
listen_port = {port}
auth_type = any
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 500
unix_socket_dir =
logfile = {folder}/log
"""


@contextmanager
def pgbouncer(postgres: Postgres, *, size: int) -> Iterator[str]:
    """Run it with `size` connections to the server; the address that takes the place of PostgreSQL's."""
    assert PROGRAM is not None
    port, folder = free_port(), Path(tempfile.mkdtemp(prefix="pgbouncer-"))
    account = postgres.account() if os.geteuid() == 0 else None  # it refuses to run as root
    config = folder / "pgbouncer.ini"
    server = urlsplit(postgres.url).port
    config.write_text(_CONFIGURATION.format(host=LOOPBACK, server=server, port=port, size=size, folder=folder))
    if account is not None:
        for path in (folder, config):
            os.chown(path, account.uid, account.gid)
    process = subprocess.Popen(  # the program above
        [PROGRAM, "-q", str(config)],
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    try:
        until = time.monotonic() + 20
        while not is_taken(port):
            assert process.poll() is None and time.monotonic() < until, (folder / "log").read_text()  # noqa: PT018
            time.sleep(0.05)
        yield f"{LOOPBACK}:{port}"
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)
