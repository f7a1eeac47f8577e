"""PostgreSQL behind TLS, by `sslmode` of DATABASE_URL, and what is told where the two do not agree."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme
from pydantic import SecretStr

from adapters.db import migrate
from adapters.db.engine import make_engine, probe
from adapters.settings import DatabaseSettings
from demo.stack import Stack
from domain.errors import TransientError
from tests.connection.certificates import authority_file
from tests.connection.tls_postgres import tls_postgres


async def told(url: str) -> str:
    """What the probe says, which is also what workers wait with."""
    engine = make_engine(DatabaseSettings(url=SecretStr(url)), pooled=False)
    try:
        return await probe(engine)
    except TransientError as error:
        return error.message
    finally:
        await engine.dispose()


async def test_a_verified_connection_works_and_others_are_told_what_to_mend(
    stack: Stack, database: str, tmp_path: Path
) -> None:
    authority = trustme.CA()
    known = authority_file(authority, tmp_path / "authority.pem")
    stranger = authority_file(trustme.CA(), tmp_path / "stranger.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    port = stack.ports.postgres
    async with tls_postgres(port, context) as secured:
        url = database.replace(f":{port}/", f":{secured}/")
        await _try_all(url, known, stranger, tmp_path)

    assert "speaks no TLS" in await told(f"{database}?sslmode=require")
    assert "DATABASE_URL cannot be used" in await told("postgresql://postgres:hush@127.0.0.1:port/shop")


async def _try_all(url: str, known: str, stranger: str, folder: Path) -> None:
    verified = f"{url}?sslmode=verify-full&sslrootcert={known}"
    await migrate.upgrade(verified)
    assert (await told(verified)).startswith("18")
    assert (await told(f"{url}?sslmode=require")).startswith("18")
    unknown = await told(f"{url}?sslmode=verify-full&sslrootcert={stranger}")
    assert "certificate is not accepted" in unknown
    assert "sslrootcert" in unknown
    misnamed = await told(verified.replace("127.0.0.1", "localhost"))
    assert "certificate is not accepted" in misnamed
    assert "host of DATABASE_URL" in misnamed
    plain = await told(f"{url}?sslmode=disable")
    assert "takes no connection without TLS; add ?sslmode=verify-full to DATABASE_URL" in plain
    missing = await told(f"{url}?sslmode=verify-full&sslrootcert={folder}/none.pem")
    assert "DATABASE_URL cannot be used" in missing
