"""What a type checker lets application code start, and what it refuses: with pydantic's plugin and without."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

CODE = """
from datetime import timedelta

from domain.outcomes import Declined, Done, Skipped
from starter import JobHandle, Jobs, OrderConfirmationRequest
from typing_extensions import assert_type


async def start(jobs: Jobs) -> None:
    assert_type(await jobs.start(OrderConfirmationRequest, order_id=1042), JobHandle)
    handle = await jobs.start(OrderConfirmationRequest(order_id=1042), delay=timedelta(minutes=10), priority=1)
    match await handle.result():
        case Done(reference=reference):
            assert_type(reference, str | None)
        case Skipped(reason=reason) | Declined(reason=reason):
            assert_type(reason, str)

    await jobs.start(OrderConfirmationRequest, order_id="1042")  # wrong: a text
    await jobs.start(OrderConfirmationRequest)  # wrong: without its field
    await jobs.start(OrderConfirmationRequest, order_id=1042, delay=10)  # wrong: options go with a request
    await jobs.start(OrderConfirmationRequest, order=1042)  # wrong: no such field
    await jobs.start(OrderConfirmationRequest(order_id=1042), delay=10)  # wrong: of which unit?
    await jobs.start("order-confirmation", order_id=1042)  # wrong: not a request
"""


@pytest.mark.parametrize("plugin", [True, False], ids=["with-plugin", "without-plugin"])
async def test_a_start_that_cannot_work_is_refused_by_mypy(tmp_path: Path, plugin: bool) -> None:
    code, config = tmp_path / "application.py", tmp_path / "mypy.ini"
    code.write_text(CODE)
    config.write_text("[mypy]\nstrict = true\n")

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mypy", "--no-error-summary", "--no-pretty", "--hide-error-context"),
        *("--config-file", str(ROOT / "pyproject.toml" if plugin else config), str(code)),
        # A cache of its own for the one, the gate's for the other, which has most of it already.
        *(() if plugin else ("--cache-dir", str(tmp_path / "cache"))),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()

    refused = {line.split(":")[1] for line in out.decode().splitlines() if ": error:" in line}
    wrong = {str(at) for at, line in enumerate(CODE.splitlines(), start=1) if "# wrong" in line}
    assert refused == wrong, out.decode()
