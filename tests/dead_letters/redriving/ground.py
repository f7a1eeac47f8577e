"""Jobs that fail until their cause is mended, on a namespace and a database, and what a redrive made of them."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle

from adapters.db.dead_letters import SqlDeadLetters
from adapters.temporal.dead_runs import TemporalDeadRuns
from domain.dead_letter_sweep import RunState, SeenRun
from domain.dead_letters import Letter, LetterFilter, Moved
from domain.errors import RecipientRejected
from domain.mail import Mail
from domain.order_confirmation import OrderConfirmationRequest
from starter import JobDidNotComplete, Jobs
from starter.redriving.acting import Redriven, Redriver
from starter.redriving.looking import Prospect, look
from tests.dead_letters.redriving.mending import KINDS, QUEUE, How, MendingRequest
from tests.fakes import FakeMail
from tests.starter.commandline import CommandLine
from workflows.registry import Registry, registry

ADA = Moved(by="ada", note="mended")

_order_ids = itertools.count(1)


class RefusingMail(FakeMail):
    """A mail server that refuses every recipient until it is mended."""

    def __init__(self) -> None:
        super().__init__()
        self.mended = False

    async def send(self, mail: Mail) -> str:
        if not self.mended:
            raise RecipientRejected("550 5.1.1 at RCPT TO")
        return await super().send(mail)

    @property
    def received(self) -> Counter[str]:
        """How often each mail was accepted."""
        return Counter(mail.delivery_key for mail in self.accepted)


@dataclass(frozen=True)
class Ground:
    """One namespace, one database."""

    client: Client
    letters: SqlDeadLetters
    line: CommandLine
    mail: RefusingMail

    def redriver(self, letters: SqlDeadLetters | None = None, kinds: Registry = KINDS) -> Redriver:
        return Redriver(self.client, letters or self.letters, kinds, ADA)

    async def look(self, letter: Letter, kinds: Registry = KINDS) -> Prospect:
        """With the letter as it is by now."""
        return await look(self.client, await self.now(letter), kinds)

    async def now(self, letter: Letter) -> Letter:
        """As it is by now."""
        found = await self.letters.find(letter.id)
        assert found is not None
        return found

    async def resume(self, letter: Letter) -> Redriven:
        return await self.redriver().resume(await self.look(letter))

    async def start(self, how: How, **options: Any) -> WorkflowHandle[Any, Any]:
        """One job of three steps."""
        request = MendingRequest(order_id=next(_order_ids), how=how)
        return await self.client.start_workflow("Mending", request, id=request.workflow_id, task_queue=QUEUE, **options)

    async def dead(self, how: How, **options: Any) -> Letter:
        """One job of three steps whose second one failed; its letter."""
        handle = await self.start(how, **options)
        return await self.letter_of(handle.id, handle.result_run_id)

    async def letter_of(self, workflow_id: str, run_id: str | None) -> Letter:
        """Of a run that ends badly: by itself, or as the sweep leaves it."""
        assert run_id is not None
        with suppress(WorkflowFailureError):
            await self.client.get_workflow_handle(workflow_id, run_id=run_id).result()
        found = await self.letters.list(LetterFilter(run_id=run_id), limit=1)
        if not found:
            requests = {kind.workflow_type: kind.request for kind in (*registry, *KINDS)}
            runs = TemporalDeadRuns(lambda: self.client, requests, no_jobs=())
            dead = await runs.look(SeenRun(workflow_id, run_id, RunState.dead))
            assert dead is not None
            await self.letters.record(dead)
            found = await self.letters.list(LetterFilter(run_id=run_id), limit=1)
        return found[0]

    async def confirmations(self, order_ids: Iterable[int]) -> list[Letter]:
        """Confirmations of these orders, refused by the mail server; their letters, the first first."""
        self.mail.mended = False
        jobs = Jobs(self.client)
        ids = list(order_ids)
        handles = await jobs.start_many([OrderConfirmationRequest(order_id=order_id) for order_id in ids])
        for handle in handles:
            with suppress(JobDidNotComplete):
                await handle.result()
        names = {handle.id for handle in handles}
        kind = LetterFilter(kind=OrderConfirmationRequest.kind)
        letters = await self.letters.list(kind, limit=100_000, oldest_first=True)
        return [letter for letter in letters if letter.run.workflow_id in names]

    async def restarted(self, letters: Sequence[Letter]) -> None:
        """Run jobs anew by hand, and wait until they are done."""
        jobs = Jobs(self.client)
        for letter in letters:
            order_id = int(letter.run.workflow_id.rpartition("/")[2])
            await (await jobs.start(OrderConfirmationRequest(order_id=order_id), restart=True)).result()

    async def ended_well(self, letters: Sequence[Letter]) -> None:
        """Wait for the last runs of these jobs."""
        for letter in letters:
            await self.client.get_workflow_handle(letter.run.workflow_id).result()

    async def runs(self, letters: Sequence[Letter], at_least: int) -> Counter[int]:
        """How many jobs have how many runs, once these are listed, and some moments later."""
        wanted = {letter.run.workflow_id for letter in letters}
        async with asyncio.timeout(60):
            while (found := await self._runs(wanted)).total() < at_least:  # noqa: ASYNC110  # lists tell nobody by themselves
                await asyncio.sleep(0.1)
        await asyncio.sleep(0.3)
        found = await self._runs(wanted)
        return Counter(found.values())

    async def _runs(self, wanted: set[str]) -> Counter[str]:
        listed = self.client.list_workflows("WorkflowType = 'OrderConfirmation'", page_size=1000)
        return Counter([run.id async for run in listed if run.id in wanted])
