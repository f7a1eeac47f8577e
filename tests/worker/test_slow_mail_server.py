"""A mail server that takes its time for each mail: jobs wait for it, and none of them loses an attempt by waiting."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import repeat

import pytest

from tests.smtp_server import Accept, Phase, SmtpServer
from tests.worker.conftest import Place, Start

JOBS = 16
A_MAIL = 0.3
"""Seconds. All of them one after the other take longer than a mail may wait for its connection."""


@pytest.mark.long
async def test_jobs_that_wait_for_the_only_connection_lose_no_attempt(start: Start, place: Place) -> None:
    async with SmtpServer() as server:
        server.script(Phase.dot, repeat(Accept(after=A_MAIL)))
        jobs = [await place(f"customer{number}@example.com") for number in range(JOBS)]
        worker = await start(
            SMTP_HOST=server.host, SMTP_PORT=str(server.port), SMTP_CONNECTIONS="1", SMTP_WAIT_TIMEOUT="3"
        )

        outcomes = await asyncio.gather(*(job.result() for job in jobs))

    assert Counter(outcome.outcome for outcome in outcomes) == {"done": JOBS}
    assert len(server.mails) == JOBS
    assert server.peak == 1
    assert [line["message"] for line in worker.lines if line.get("action") in ("retry", "give-up")] == []
