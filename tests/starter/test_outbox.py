"""`from starter import outbox`: what applications enqueue by, and what it refuses before anything is written."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from domain.requests import EntityId, JobRequest
from starter import OrderConfirmationRequest, StarterError, outbox
from tests.starter.test_cli_plugins import KIND

ROOT = Path(__file__).parents[2]


class UnregisteredRequest(JobRequest):
    order_id: EntityId


def _enqueue(session: Session, request: Any, **options: Any) -> None:
    outbox.enqueue(session, request, **options)


def _enqueue_all(session: Session, request: Any, **options: Any) -> object:
    return outbox.enqueue_all(session, [OrderConfirmationRequest(order_id=1), request], **options)


def _statement(_: Session, request: Any, **options: Any) -> object:
    return outbox.statement([OrderConfirmationRequest(order_id=1), request], **options)


Way = Callable[..., object]
WAYS = pytest.mark.parametrize("way", [_enqueue, _enqueue_all, _statement])


def test_jobs_are_enqueued_with_the_applications_own_rows(database: str) -> None:
    engine = create_engine(database.replace("postgresql://", "postgresql+psycopg://"))
    with Session(engine) as session, session.begin():
        session.execute(text("INSERT INTO customers (name, locale) VALUES ('Ada', 'en')"))
        outbox.enqueue(session, OrderConfirmationRequest(order_id=1), start_after=timedelta(minutes=10), priority=1)
        assert outbox.enqueue_all(session, [OrderConfirmationRequest(order_id=2)], fairness_key="tenant-7") == 1
        session.execute(*outbox.statement([OrderConfirmationRequest(order_id=3)]))
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT job_id, start_delay, priority, fairness_key FROM outbox ORDER BY job_id")
        )
        assert [tuple(row) for row in rows] == [
            ("order-confirmation/1", timedelta(minutes=10), 1, None),
            ("order-confirmation/2", None, None, "tenant-7"),
            ("order-confirmation/3", None, None, None),
        ]
    engine.dispose()


@WAYS
def test_a_kind_without_a_row_is_refused_with_the_remedy(way: Way) -> None:
    session = Session()

    with pytest.raises(StarterError) as caught:
        way(session, UnregisteredRequest(order_id=1))

    said = str(caught.value)
    assert said.startswith("UnregisteredRequest cannot be enqueued: there is no kind 'unregistered'; there are: ")
    assert said.endswith(
        "Add its row to workflows/registry.py, or to the entry points of its package (group durable_jobs.kinds)."
    )
    assert not session.new


@WAYS
@pytest.mark.parametrize("request_", [OrderConfirmationRequest, {"order_id": 1}, None])
def test_what_is_no_request_is_refused(way: Way, request_: object) -> None:
    with pytest.raises(StarterError, match=r"A request is needed, such as OrderConfirmationRequest\(order_id=1042\)"):
        way(Session(), request_)


@WAYS
@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"start_after": timedelta(seconds=-1)}, "start_after: a job cannot start in the past"),
        ({"start_after": 10}, "start_after: give a timedelta or a datetime with its zone, not int"),
        ({"start_after": "10 minutes"}, "start_after: give a timedelta or a datetime with its zone, not str"),
        ({"priority": 6}, "priority: from 1"),
        ({"fairness_key": ""}, "fairness_key: from 1 to 64 bytes"),
    ],
)
def test_options_that_cannot_be_are_refused(way: Way, options: dict[str, Any], complaint: str) -> None:
    session = Session()

    with pytest.raises(StarterError, match=complaint):
        way(session, OrderConfirmationRequest(order_id=1), **options)

    assert not session.new


async def _python(code: str, path: Path) -> str:
    """What the code prints in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(path)},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


async def test_starting_jobs_needs_no_sqlalchemy(tmp_path: Path) -> None:
    code = "import sys; from starter import Jobs; print('sqlalchemy' in sys.modules); from starter import outbox"

    assert await _python(code, tmp_path) == "False\n"


@pytest.mark.parametrize(
    ("entry_point", "outcome"),
    [
        ("digests:ROW", "[{'shop_id': 'a', 'day': '2026-01-31', 'form': 'pdf', 'level': 1, "),
        ("digests:GONE", "RegistryError"),
        (None, "SalesDigestRequest cannot be enqueued: there is no kind 'sales-digest'"),
    ],
)
async def test_a_kind_of_an_installed_package_is_found_by_itself(
    tmp_path: Path, entry_point: str | None, outcome: str
) -> None:
    (tmp_path / "digests.py").write_text(KIND)
    info = tmp_path / "shop_digests-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shop-digests\nVersion: 1.0\n")
    if entry_point:
        (info / "entry_points.txt").write_text(f"[durable_jobs.kinds]\ndigests = {entry_point}\n")
    code = """
from digests import SalesDigestRequest
from starter import StarterError, outbox
try:
    print([row["payload"] for row in outbox.statement([SalesDigestRequest(shop_id="a", day="2026-01-31")])[1]])
except StarterError as exc:
    print(exc, type(exc.__cause__).__name__)
"""

    assert outcome in await _python(code, tmp_path)
