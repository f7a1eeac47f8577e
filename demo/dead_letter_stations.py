"""The station of the guided tour about jobs that fail for good, and what an operator does about them."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.db.dead_letters import SqlDeadLetters
from adapters.db.tables import customers
from demo.beside import PROJECT
from demo.data.shop import TOUR
from demo.data.staff import OPERATOR
from demo.guide import LIMIT, Guide, mails_of
from demo.inbox.reader import ReceivedMail
from demo.stack import Stack
from domain.dead_letters import WAITING, Group, LetterFilter
from domain.errors import MessageRejected
from domain.orders import PaymentMethod

_ORDERS = 20
_REFUSED = "+data554"
"""In an address: the mail server takes the recipient, and refuses the mail."""
_LOOK_EVERY = 0.2
_RATE = 20


async def redriven(guide: Guide, stack: Stack, engine: AsyncEngine, number: int, commands: str) -> None:
    """A mail server refuses a domain, jobs die, one alert comes, the cause is mended, the jobs are redriven.

    `commands` is what to write before the name of an installed program.
    """
    guide.station(
        number,
        f"{_ORDERS} jobs die of the same",
        f"a mail server refuses all mail to one domain. One alert reaches the operator, not {_ORDERS}; once addresses "
        "are corrected, one command redrives them all: one mail each.",
    )
    tag = f"visit{guide.visit.number}"
    before = {mail.id for mail in await _alerts(guide)}
    template = guide.visit.order_as(TOUR.delivered, PaymentMethod.later)
    names = [f"{tag}.{n}" for n in range(_ORDERS)]
    answers = await asyncio.gather(
        *(
            guide.shop.place(
                template.model_copy(
                    update={"customer": template.customer.model_copy(update={"email": f"{name}{_REFUSED}@mail.test"})}
                )
            )
            for name in names
        )
    )
    jobs = [await guide.ended(answer) for answer in answers]
    states = Counter(job.error.type if job.error else job.state for job in jobs)
    guide.expect(
        f"{_ORDERS} jobs: {', '.join(f'{count} {what}' for what, count in states.items())}",
        met=states == {MessageRejected.__name__: _ORDERS},
    )
    letters = SqlDeadLetters(engine, alert_window=timedelta())
    group = await _group(letters, [job.id for job in jobs])
    if group is None:
        guide.expect("Their letters are in no group", met=False)
        return
    guide.expect(
        f"{group.count} dead letters in the group {group.fingerprint}: {group.message.partition(' Redrive:')[0]}",
        met=group.count == _ORDERS,
    )
    guide.display.command(f"   {commands}jobs dead groups")
    alerts = await _until(guide, before)
    guide.expect(
        f"{mails_of(len(alerts))} to {OPERATOR}: {'; '.join(mail.subject for mail in alerts)}", met=len(alerts) == 1
    )
    guide.links(jobs[0].web_ui, alerts)

    async with engine.begin() as connection:
        for name in names:
            wrong = customers.c.email == f"{name}{_REFUSED}@mail.test"
            await connection.execute(update(customers).where(wrong).values(email=f"{name}@mail.test"))
    guide.display.line("   The addresses are corrected.")
    redrive = ["dead", "redrive", "--group", group.fingerprint, "--rate", str(_RATE), "--yes"]
    guide.display.command(f"   {commands}jobs {shlex.join(redrive)}")
    status = await _jobs(stack, redrive)
    ended = [await guide.shop.ended(answer.job, LIMIT) for answer in answers]
    done = sum(job.outcome is not None for job in ended)
    guide.expect(f"It ends with {status}; {done} of {_ORDERS} jobs are done", met=status == 0 and done == _ORDERS)
    mails = [mail for mail in await guide.inbox.mails(f"{tag}.") if mail.to.endswith("@mail.test>")]
    per_order = Counter(mail.message_id for mail in mails)
    guide.expect(
        f"{mails_of(len(mails))} in the inbox, {len(mails) - len(per_order) or 'none'} of them doubled",
        met=len(mails) == len(per_order) == _ORDERS,
    )
    guide.links(ended[0].web_ui, mails[:1])


async def _group(letters: SqlDeadLetters, jobs: Sequence[str]) -> Group | None:
    """The group of these jobs' letters, as soon as it has them all, or `LIMIT` is over."""
    until = time.monotonic() + LIMIT
    while True:
        found = await letters.groups(LetterFilter(states=frozenset(WAITING), error_type=MessageRejected.__name__))
        groups = [group for group in found if group.example.run.workflow_id in jobs]
        if (groups and groups[0].count >= len(jobs)) or time.monotonic() > until:
            return groups[0] if groups else None
        await asyncio.sleep(_LOOK_EVERY)


async def _alerts(guide: Guide) -> list[ReceivedMail]:
    return [mail for mail in await guide.inbox.mails(OPERATOR) if MessageRejected.__name__ in mail.subject]


async def _until(guide: Guide, before: set[int]) -> list[ReceivedMail]:
    """Alerts that came since, once there is one or `LIMIT` is over."""
    until = time.monotonic() + LIMIT
    while True:
        new = [mail for mail in await _alerts(guide) if mail.id not in before]
        if new or time.monotonic() > until:
            return new
        await asyncio.sleep(_LOOK_EVERY)


async def _jobs(stack: Stack, arguments: Sequence[str]) -> int:
    """Type a line of the command `jobs`; returns its exit status."""
    settings = {**os.environ, **stack.environment(), "TEMPORAL_CONFIG_FILE": os.devnull}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "starter", *arguments),
        cwd=PROJECT,
        env=settings,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await process.wait()
