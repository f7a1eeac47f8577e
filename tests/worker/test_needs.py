"""What a process needs, and how often it looks."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from adapters.readiness import Need, Readiness, Unmet, look
from domain.errors import ServiceUnavailable


class Server:
    """Away for a number of looks."""

    def __init__(self, away: float = 0) -> None:
        self.away = away
        self.looks = 0

    async def probe(self) -> str:
        self.looks += 1
        if self.looks <= self.away:
            raise Unmet("The server is away.")
        return "there"


async def test_a_probe_that_fails_says_why_without_foreign_texts() -> None:
    async def foreign() -> str:
        raise ConnectionError("postgresql://shop:s3cret@db")

    async def ours() -> str:
        raise ServiceUnavailable("The database has no schema.")

    async def hangs() -> str:
        await asyncio.Event().wait()
        return ""

    findings = [await look(Need("database", probe, limit=timedelta(seconds=0.01))) for probe in (foreign, ours, hangs)]

    assert not any(finding.met for finding in findings)
    assert "ConnectionError" in findings[0].text
    assert "s3cret" not in findings[0].text
    assert findings[1].text == "The database has no schema."
    assert findings[2].text == "database: no answer within 0.01 s."


async def test_waiting_ends_as_soon_as_everything_is_there_or_in_time_with_what_is_missing() -> None:
    said: list[str] = []
    back, away = Server(away=2), Server(away=float("inf"))

    assert await Readiness().wait_for([Need("server", back.probe)], timedelta(seconds=50), said.append) == []
    unmet = await Readiness().wait_for([Need("server", away.probe)], timedelta(seconds=0.1), lambda _: None)

    assert (back.looks, said) == (3, ["The server is away; still waiting, 50 s left"])
    assert [finding.text for finding in unmet] == ["The server is away."]


async def test_many_who_ask_at_once_cause_one_look_and_a_process_that_drains_is_not_ready() -> None:
    server, readiness = Server(), Readiness()
    readiness.run([Need("server", server.probe)])

    reports = await asyncio.gather(*(readiness.report() for _ in range(50)))
    readiness.state = "draining"
    ready, details = await readiness.report()

    assert server.looks == 1
    assert all(ready for ready, _ in reports)
    assert (ready, details["state"]) == (False, "draining")
