"""A PostgreSQL that was made with TLS, as Debian's is and the wheel's is not, where this machine has one.

Its programs are looked for in the folder that TLS_POSTGRES_BIN names, else where `pg_config` says.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import trustme

from demo.ports import LOOPBACK, free_port

_ACCOUNT = "postgres"
_HBA = f"""
hostssl all certified {LOOPBACK}/32 cert
hostssl all all {LOOPBACK}/32 trust
"""
_SETTINGS = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "lc_messages=C", "ssl=on")


def programs() -> Path | None:
    """The folder of its programs; None where there is none with TLS."""
    folder = os.environ.get("TLS_POSTGRES_BIN") or _said("pg_config", "--bindir")
    if not folder or not (Path(folder) / "initdb").exists():
        return None
    made = _said(str(Path(folder) / "pg_config"), "--configure")
    return Path(folder) if "openssl" in made and _has_account() else None


@asynccontextmanager
async def real_postgres(
    programs: Path, certificate: trustme.LeafCert, clients: trustme.CA
) -> AsyncIterator[tuple[int, str]]:
    """Run it with a certificate; its port and version. It takes no connection without TLS.

    `postgres` needs nothing else, `certified` a certificate of `clients` for that name.
    """
    folder, port = Path(tempfile.mkdtemp(prefix="tls-postgres-")), free_port()
    try:
        await asyncio.to_thread(_make, programs, folder, certificate, clients)
        options = [f"--{setting}" for setting in (*_SETTINGS, f"port={port}", "ssl_ca_file=clients.crt")]
        with (folder / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                programs / "postgres", "-D", folder / "data", *options, stdout=log, stderr=log, **_as_account()
            )
        try:
            async with asyncio.timeout(60):
                while not _ready(folder / "data" / "postmaster.pid"):
                    assert process.returncode is None, (folder / "log").read_text()
                    await asyncio.sleep(0.02)
            yield port, await _prepared(port)
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGQUIT)  # at once: nothing is to be kept
            await process.wait()
    finally:
        shutil.rmtree(folder)


def _make(programs: Path, folder: Path, certificate: trustme.LeafCert, clients: trustme.CA) -> None:
    data, account = folder / "data", _as_account()
    if account:
        shutil.chown(folder, _ACCOUNT)
    initdb: list[str | Path] = [
        programs / "initdb",
        "-D",
        data,
        "-U",
        "postgres",
        "--auth=trust",
        "--no-sync",
        "--no-instructions",
    ]
    subprocess.run([*initdb, "--locale=C", "--encoding=UTF8"], check=True, capture_output=True, **account)
    (data / "pg_hba.conf").write_text(_HBA)
    (data / "server.crt").write_bytes(b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
    certificate.private_key_pem.write_to_path(data / "server.key")
    clients.cert_pem.write_to_path(data / "clients.crt")
    for made in ("server.crt", "server.key", "clients.crt"):
        (data / made).chmod(0o600)
        if account:
            shutil.chown(data / made, _ACCOUNT)


def _ready(state: Path) -> bool:
    """The server itself tells in this file."""
    return state.exists() and "ready" in state.read_text()


async def _prepared(port: int) -> str:
    connection = await asyncpg.connect(f"postgresql://postgres@{LOOPBACK}:{port}/postgres?sslmode=require")
    try:
        await connection.execute("CREATE ROLE certified LOGIN")
        return str(await connection.fetchval("SHOW server_version")).split()[0]
    finally:
        await connection.close()


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _as_account() -> dict[str, Any]:
    """It refuses to run as root: as the system user that its package has made, then."""
    return {"user": _ACCOUNT, "group": _ACCOUNT, "extra_groups": []} if os.geteuid() == 0 else {}


def _has_account() -> bool:
    return os.geteuid() != 0 or any(user.pw_name == _ACCOUNT for user in pwd.getpwall())
