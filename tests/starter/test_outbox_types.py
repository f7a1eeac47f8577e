"""What a type checker lets application code enqueue, and what it refuses."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

CODE = """
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_scoped_session
from sqlalchemy.orm import Session, scoped_session
from starter import OrderConfirmationRequest, outbox
from typing_extensions import assert_type

request = OrderConfirmationRequest(order_id=1042)


def requests() -> Iterator[OrderConfirmationRequest]:
    yield request


def enqueue(session: Session, scoped: scoped_session[Session], connection: Connection) -> None:
    outbox.enqueue(session, request)
    outbox.enqueue(scoped, request, start_after=timedelta(minutes=10), priority=1, fairness_key="tenant-7")
    outbox.enqueue(session, request, start_after=datetime.now(UTC))
    assert_type(outbox.enqueue_all(session, requests(), priority=5), int)
    connection.execute(*outbox.statement([request]))

    outbox.enqueue(session, OrderConfirmationRequest)  # wrong: a class
    outbox.enqueue(session, "order-confirmation")  # wrong: a text
    outbox.enqueue(session, {"order_id": 1042})  # wrong: a dictionary
    outbox.enqueue(session, [request])  # wrong: many
    outbox.enqueue_all(session, request)  # wrong: one
    outbox.enqueue(request, session)  # wrong: the wrong way round
    outbox.enqueue(connection, request)  # wrong: no session
    outbox.enqueue(session, request, start_after=10)  # wrong: of which unit?
    outbox.enqueue(session, request, start_after="10 minutes")  # wrong: a text
    outbox.enqueue(session, request, priority="1")  # wrong: a text
    outbox.enqueue(session, request, delay=timedelta(minutes=10))  # wrong: it is called start_after
    outbox.enqueue(session, request, timedelta(minutes=10))  # wrong: without its name


async def enqueue_async(
    session: AsyncSession, scoped: async_scoped_session[AsyncSession], connection: AsyncConnection
) -> None:
    outbox.enqueue(session, request)
    outbox.enqueue(scoped, request)
    assert_type(outbox.enqueue_all(session, [request]), int)
    await connection.execute(*outbox.statement(requests()))

    await outbox.enqueue(session, request)  # wrong: there is nothing to await
"""


async def test_what_cannot_be_enqueued_is_refused_by_mypy(tmp_path: Path) -> None:
    code = tmp_path / "application.py"
    code.write_text(CODE)

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mypy", "--no-error-summary", "--no-pretty", "--hide-error-context"),
        *("--config-file", str(ROOT / "pyproject.toml"), str(code)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()

    refused = {line.split(":")[1] for line in out.decode().splitlines() if ": error:" in line}
    wrong = {str(at) for at, line in enumerate(CODE.splitlines(), start=1) if "# wrong" in line}
    assert refused == wrong, out.decode()
