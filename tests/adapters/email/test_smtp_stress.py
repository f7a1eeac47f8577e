from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Iterator
from random import Random

import psutil

from domain.errors import JobError, OutcomeUnknown, TransientError
from tests.adapters.email.conftest import Post
from tests.smtp_server import ACCEPT, Drop, Phase, Reply, SmtpServer, Step


def trouble(random: Random) -> Iterator[Step]:
    """One mail in four meets something."""
    while True:
        phase = random.choice([Phase.rcpt, Phase.data, Phase.dot])
        steps: list[Step] = [
            *[ACCEPT] * 12,
            Drop(at=phase),
            Drop(at=Phase.dot, accepted=True),
            Reply(451, "4.3.0 trouble", at=phase),
            Reply(421, "4.3.2 closing", at=phase),
        ]
        yield random.choice(steps)


def closings(random: Random) -> Iterator[Step]:
    """One MAIL FROM in ten finds the connection closing."""
    steps: list[Step] = [*[ACCEPT] * 9, Drop()]
    while True:
        yield random.choice(steps)


async def test_under_drops_and_refusals_each_of_300_mails_is_accepted_or_raises(server: SmtpServer, post: Post) -> None:
    random = Random(1)  # noqa: S311  a test's dice
    server.script("alice@example.com", trouble(random))
    server.script(Phase.mail, closings(random))
    sender = post.sender(server, connections=4, mails_per_connection=1000)
    sockets_before = len(psutil.Process().net_connections())
    keys = iter([f"order-confirmation/{number}" for number in range(300)])
    outcomes: dict[str, str | JobError] = {}

    async def work() -> None:
        for key in keys:
            try:
                outcomes[key] = await sender.send(post.mail(delivery_key=key))
            except TransientError as exc:
                outcomes[key] = exc

    await asyncio.gather(*(work() for _ in range(20)))
    await sender.aclose()
    await server.until(lambda: server.open == 0)

    arrived = Counter(mail.parsed["Message-ID"] for mail in server.mails)
    sent = sum(isinstance(outcome, str) for outcome in outcomes.values())
    unknown = sum(isinstance(outcome, OutcomeUnknown) for outcome in outcomes.values())
    assert len(outcomes) == 300
    assert 150 < sent < 300
    assert sent <= len(server.mails) <= sent + unknown
    assert set(arrived.values()) == {1}
    assert server.peak <= 4
    assert len(psutil.Process().net_connections()) <= sockets_before
    assert [task for task in asyncio.all_tasks() if "smtp" in repr(task.get_coro()).lower()] == []
    gc.collect()  # a socket left open would now warn, and warnings are errors


async def test_cancelled_at_any_moment_no_connection_is_lent_again_dirty(server: SmtpServer, post: Post) -> None:
    random = Random(7)  # noqa: S311  a test's dice
    sender = post.sender(server, connections=3)
    results: list[str | BaseException] = []

    async def work() -> None:
        for _ in range(25):
            task = asyncio.create_task(sender.send(post.mail()))
            if random.random() < 0.5:
                for _ in range(random.randrange(20)):
                    await asyncio.sleep(0)
                task.cancel()
            results.extend(await asyncio.gather(task, return_exceptions=True))

    await asyncio.gather(*(work() for _ in range(12)))
    await sender.aclose()
    await server.until(lambda: server.open == 0)

    sent = sum(isinstance(result, str) for result in results)
    cancelled = sum(isinstance(result, asyncio.CancelledError) for result in results)
    assert sent + cancelled == 300
    assert cancelled > 20
    assert len(server.mails) >= sent
    assert set(Counter(mail.parsed["Message-ID"] for mail in server.mails).values()) == {1}
