"""What every station of the tour needs: the shop over HTTP, the inbox, and lines for the person at the terminal."""

from __future__ import annotations

import asyncio
import os
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import httpx
from rich.console import Console
from temporalio.client import Client

from demo.data.shop import DELIVERED, order
from demo.inbox.mails import ReceivedMail
from demo.inbox.reader import LOCAL, InboxReader
from demo.programs import PROJECT, SENDER, Program, environment
from demo.stack import Stack
from domain.mail import message_id
from domain.orders import Order

LIMIT_S = 90.0
"""After which a station no longer waits."""
_LOOK_EVERY_S = 0.1
_REPEATS = 3
_T = TypeVar("_T")


class Display:
    """Prints the tour: for a pipe and a terminal alike."""

    def __init__(self, *, verbose: bool) -> None:
        """`verbose` shows details."""
        self._verbose = verbose
        # What the terminal cannot show becomes a question mark, not a traceback.
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a TextIOWrapper
        self._console = Console(highlight=False, soft_wrap=True, markup=False)

    def line(self, text: str = "", style: str = "") -> None:
        """One line."""
        self._console.print(text, style=style or None)

    def heading(self, text: str) -> None:
        """The title of what follows."""
        self.line(f"\n{text}", "bold")

    def verdict(self, text: str, *, met: bool) -> None:
        """Whether an expectation was met."""
        self.line(f"   {'✔' if met else '✘'} {text}", "" if met else "bold red")

    def detail(self, text: str) -> None:
        """A line for `--verbose`."""
        if self._verbose:
            self.line(f"     {text}", "dim")


class Guide:
    """Leads through one visit, and remembers whether every expectation was met."""

    def __init__(
        self,
        stack: Stack,
        api: Program,
        worker: Program,
        client: Client,
        inbox: InboxReader,
        http: httpx.AsyncClient,
        display: Display,
    ) -> None:
        self.stack, self.api, self.worker, self.client = stack, api, worker, client
        self.inbox, self.http, self.display = inbox, http, display
        self.checked = 0
        self.unmet = 0

    def expect(self, text: str, *, met: bool) -> None:
        """Show what was seen, and whether it was expected."""
        self.checked += 1
        self.unmet += not met
        self.display.verdict(text, met=met)

    async def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Call the shop's HTTP interface; a call that gets no answer in time is repeated."""
        for attempt in range(1, _REPEATS + 1):
            try:
                return await self.http.request(method, path, **request)
            except httpx.TransportError:
                if attempt == _REPEATS:
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def place(self, like: int = DELIVERED, **changes: Any) -> tuple[httpx.Response, dict[str, Any]]:
        """`POST /orders`, by a new customer, like that of the data set; returns the answer, and the order in it."""
        body = _new(order(like)) | changes
        # With a key, a repeated call places no second order.
        answer = await self.ask("POST", "/orders", json=body, headers={"Idempotency-Key": uuid.uuid4().hex})
        return answer, answer.raise_for_status().json()

    async def get(self, path: str) -> dict[str, Any]:
        """`GET` something of the shop."""
        found: dict[str, Any] = (await self.ask("GET", path)).raise_for_status().json()
        return found

    async def until(self, path: str, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Look until what the shop has there meets the condition; returns what was seen last."""
        return await wait_for(lambda: self.get(path), condition)

    async def ended(self, path: str) -> dict[str, Any]:
        """How a job stands when it has ended."""
        job = await self.until(path, lambda job: job["state"] not in ("enqueued", "running"))
        self.display.detail(str(job["web_ui"]))
        return job

    async def mails(self, orders: Sequence[int], *, count: int | None = None) -> list[ReceivedMail]:
        """Confirmations of these orders in the inbox, once each has one (or as many as `count` have)."""
        wanted = {message_id(f"order-confirmation/{number}", SENDER.partition("@")[2]) for number in orders}

        async def look() -> list[ReceivedMail]:
            return [mail for mail in await self.inbox.mails() if mail.message_id in wanted]

        least = len(wanted) if count is None else count
        found = await wait_for(look, lambda mails: len({mail.message_id for mail in mails}) >= least)
        if found:
            self.display.detail(f"{self.stack.inbox_url}/mails/{found[0].id}")
        return found

    async def execute(self, statement: str, *values: Any) -> None:
        """Change the shop's database, as a part of the shop that is not in this demo would."""
        connection = await asyncpg.connect(self.stack.database_url)
        try:
            await connection.execute(statement, *values)
        finally:
            await connection.close()

    async def jobs(self, *arguments: str) -> int:
        """Run the command `jobs`; returns its exit status."""
        self.display.line(f"   $ {commands_folder()}jobs {' '.join(arguments)}")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "starter", *arguments),
            cwd=PROJECT,
            env=environment(self.stack.environment()),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        return await process.wait()


async def wait_for(look: Callable[[], Awaitable[_T]], condition: Callable[[_T], bool]) -> _T:
    """Look until the condition is met or `LIMIT_S` are over; returns what was seen last."""
    until = time.monotonic() + LIMIT_S
    while not condition(found := await look()) and time.monotonic() < until:  # noqa: ASYNC110  # many things to look at
        await asyncio.sleep(_LOOK_EVERY_S)
    return found


def http_client(url: str, **options: Any) -> httpx.AsyncClient:
    """For a server of the demo, on a machine that may be slow."""
    return httpx.AsyncClient(base_url=url, timeout=30, **LOCAL, **options)


def mails_of(count: int) -> str:
    """`no mail`, `1 mail`, `2 mails`."""
    return f"{count or 'no'} mail{'' if count < 2 else 's'}"


def outcome_of(job: dict[str, Any]) -> str:
    """How a job ended: `done`, `skipped: already-confirmed`, `failed: RecipientRejected`."""
    if job["error"]:
        return f"{job['state']}: {job['error']['type']}"
    outcome = job["outcome"] or {"outcome": job["state"]}
    return f"{outcome['outcome']}: {outcome['reason']}" if outcome.get("reason") else str(outcome["outcome"])


def commands_folder() -> str:
    """What to type before the name of an installed command: `.venv/bin/`."""
    folder = Path(sys.executable).parent
    relative = os.path.relpath(folder)
    return f"{folder if relative.startswith('..') else relative}/"


def _new(template: Order) -> dict[str, Any]:
    buyer = template.customer
    return {
        "customer": {"name": buyer.name, "email": buyer.email, "locale": buyer.locale},
        "currency": template.currency,
        "items": [item.model_dump() for item in template.items],
        "gift_note": template.gift_note,
        "payment": "later",
    }
