"""Stands before PostgreSQL, which the wheel has without TLS, and speaks it as a server does that takes no other."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_SSL_REQUEST = struct.pack("!II", 8, 80877103)
_REFUSAL = (
    b"SFATAL\0VFATAL\0C28000\0"
    b'Mno pg_hba.conf entry for host "127.0.0.1", user "postgres", database "shop", no encryption\0\0'
)


@asynccontextmanager
async def tls_postgres(port: int, context: ssl.SSLContext) -> AsyncIterator[int]:
    """The port of a server that hands on what comes encrypted, and refuses all else."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if await reader.readexactly(8) != _SSL_REQUEST:
                writer.write(b"E" + struct.pack("!I", len(_REFUSAL) + 4) + _REFUSAL)
                await writer.drain()
            else:
                writer.write(b"S")
                await writer.drain()
                await writer.start_tls(context)
                there, back = await asyncio.open_connection("127.0.0.1", port)
                await asyncio.gather(_copy(reader, back), _copy(there, writer))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await source.read(65_536):
            target.write(piece)
            await target.drain()
    target.close()
