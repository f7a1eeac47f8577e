"""The guided tour: what a job does when all goes well, and when not. Each station says what it expects, and looks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from demo import dead_letter_stations, outage, payment_stations, report_stations, schedule_stations, stations
from demo.batch import Batch
from demo.display import Display
from demo.guide import Guide
from demo.inbox.reader import InboxReader
from demo.meanwhile import meanwhile
from demo.payments.controller import ProviderController
from demo.provider_away import ProviderAway
from demo.retried import Retried
from demo.shop_client import ShopClient
from demo.stack import Stack
from demo.visit import Visit, prepare
from starter import Jobs
from starter.queries import JobFilter
from workflows.registry import registry


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
    `httpx.HTTPError` where the inbox, the payment provider or the HTTP interface is away, and `PartFailed` where
    Temporal does not start again.
    """
    async with InboxReader(stack.inbox_url) as inbox, ProviderController(stack.payments_url) as provider:
        await _tell_of_earlier_visits(jobs, inbox, display)
        guide = Guide(await prepare(engine, jobs), jobs, shop, inbox, stack.inbox_url, display)
        with display.moving():
            async with _unreconciled(jobs):
                refused = await _stations(guide, provider, stack, engine, commands)
    display.line()
    met = guide.checked - guide.unmet
    display.verdict(f"{met} of {guide.checked} expectations held.", met=not guide.unmet)
    return Seen(guide.visit, refused, not guide.unmet)


async def _stations(
    guide: Guide, provider: ProviderController, stack: Stack, engine: AsyncEngine, commands: str
) -> int:
    """One after the other; what waits goes on beside them. Returns the number of the refused order."""
    temporal = f"{commands}temporal --address {stack.temporal_address}"
    await stations.delivered(guide, 1)
    await payment_stations.captured(guide, provider, 2)
    retried = await Retried.begin(guide, 3)
    away = await ProviderAway.begin(guide, provider, 4)
    async with meanwhile(retried.follow(), away.follow()) as following:
        refused = await stations.refused(guide, 5, temporal)
        await stations.skipped(guide, 6)
        await stations.twice(guide, 7)
        await payment_stations.declined(guide, provider, 8)
        await payment_stations.repeated(guide, provider, 9)
        await payment_stations.forged(guide, provider, 10)
        await Batch(guide, 11).run()
        await report_stations.three(guide, 12)
        await schedule_stations.by_the_clock(guide, engine, 13, commands, temporal)
        await dead_letter_stations.redriven(guide, stack, engine, 14, commands)
        mail, payment = [await one for one in following]
    await retried.tell(mail)
    await away.tell(payment)
    await outage.away(guide, provider, stack.temporal, 15)
    return refused


@asynccontextmanager
async def _unreconciled(jobs: Jobs) -> AsyncIterator[None]:
    """Nobody but the stations asks the payment provider, whose calls they count."""
    schedule = jobs.client.get_schedule_handle("payment-reconciliation")
    await schedule.pause(note="The guided tour counts the calls of the payment provider.")
    yield
    await schedule.unpause(note="The guided tour is over.")


async def _tell_of_earlier_visits(jobs: Jobs, inbox: InboxReader, display: Display) -> None:
    counted = await jobs.client.count_workflows(f"{JobFilter().query(registry)} GROUP BY ExecutionStatus")
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
