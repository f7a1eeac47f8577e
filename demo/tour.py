"""The guided tour: what a job does when all goes well, and when not. Each station says what it expects, and looks."""

from __future__ import annotations

import asyncio

from sqlalchemy.ext.asyncio import AsyncEngine

from demo import stations
from demo.display import Display
from demo.guide import Guide
from demo.inbox.reader import InboxReader
from demo.retried import Retried
from demo.stack import Stack
from demo.visit import Visit, prepare
from starter import Jobs

_GROUPS = 'WorkflowType = "OrderConfirmation" GROUP BY ExecutionStatus'


async def tour(stack: Stack, jobs: Jobs, engine: AsyncEngine, display: Display, commands: str) -> tuple[Visit, bool]:
    """Take the tour; returns what it was about, and whether all expectations held.

    `commands` is what to write before the name of an installed program. Raises `StarterError`s and `JobError`s, and
    `httpx.HTTPError` where the inbox is away.
    """
    async with InboxReader(stack.inbox_url) as inbox:
        await _tell_of_earlier_visits(jobs, inbox, display)
        guide = Guide(await prepare(engine, jobs), jobs, inbox, stack.inbox_url, display)
        retried = Retried(guide)
        with display.moving():
            await stations.delivered(guide)
            await retried.begin()
            following = asyncio.create_task(retried.follow())
            try:
                await stations.refused(guide, f"{commands}temporal --address {stack.temporal_address}")
                await stations.skipped(guide)
                await stations.twice(guide)
                await stations.batch(guide)
                end = await following
            finally:
                following.cancel()
            await retried.tell(end)
    display.line()
    held = guide.checked - guide.unmet
    display.verdict(f"{held} of {guide.checked} expectations held.", met=not guide.unmet)
    return guide.visit, not guide.unmet


async def _tell_of_earlier_visits(jobs: Jobs, inbox: InboxReader, display: Display) -> None:
    counted = await jobs.client.count_workflows(_GROUPS)
    if not counted.count:
        return
    states = {str(group.group_values[0]).lower(): group.count for group in counted.groups}
    fared = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    mails = len(await inbox.mails())
    display.line(
        f"Still here from earlier visits: {counted.count} jobs ({fared}) and {mails} mails. Their orders have had "
        f"their story, so this tour places new ones."
    )
    if states.get("running"):
        display.line(f"{states['running']} of them had not ended when the demo was stopped: they go on now.")
