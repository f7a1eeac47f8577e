"""The guided tour: what a job does when all goes well, and when not. Each station says what it expects, and looks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from demo import outage, stations
from demo.batch import Batch
from demo.display import Display
from demo.guide import Guide
from demo.inbox.reader import InboxReader
from demo.retried import Retried
from demo.shop_client import ShopClient
from demo.stack import Stack
from demo.visit import Visit, prepare
from starter import Jobs

_GROUPS = 'WorkflowType = "OrderConfirmation" GROUP BY ExecutionStatus'


@dataclass(frozen=True)
class Seen:
    """What became of a tour."""

    visit: Visit
    refused: int
    """Number of the order whose job is a dead letter now."""
    held: bool
    """Whether all expectations held."""


async def tour(
    stack: Stack, shop: ShopClient, jobs: Jobs, engine: AsyncEngine, display: Display, commands: str
) -> Seen:
    """Take the tour.

    `commands` is what to write before the name of an installed program. Raises `StarterError`s and `JobError`s,
    `httpx.HTTPError` where the inbox or the HTTP interface is away, and `PartFailed` where Temporal does not start
    again.
    """
    async with InboxReader(stack.inbox_url) as inbox:
        await _tell_of_earlier_visits(jobs, inbox, display)
        guide = Guide(await prepare(engine, jobs), jobs, shop, inbox, stack.inbox_url, display)
        retried = Retried(guide)
        with display.moving():
            await stations.delivered(guide)
            await retried.begin()
            following = asyncio.create_task(retried.follow())
            try:
                refused = await stations.refused(guide, f"{commands}temporal --address {stack.temporal_address}")
                await stations.skipped(guide)
                await stations.twice(guide)
                await Batch(guide).run()
                end = await following
            finally:
                following.cancel()
            await retried.tell(end)
            await outage.away(guide, stack.temporal, 7)
    display.line()
    met = guide.checked - guide.unmet
    display.verdict(f"{met} of {guide.checked} expectations held.", met=not guide.unmet)
    return Seen(guide.visit, refused, not guide.unmet)


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
