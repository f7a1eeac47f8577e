"""A list of jobs page by page: nothing is kept open between two pages."""

from __future__ import annotations

from typing import NamedTuple

from temporalio.client import Client, WorkflowExecution

from starter.connection import RPC_TIMEOUT, explained
from starter.status import JobSummary

LARGEST = 1000


class Rest(NamedTuple):
    """Where a list goes on."""

    query: str
    """As it was when the list began: it has the time in it."""
    token: bytes


class Page(NamedTuple):
    """Some jobs of a list, and where it goes on; None at its end."""

    jobs: list[JobSummary]
    rest: Rest | None


async def runs_of_page(client: Client, at: Rest, *, size: int) -> tuple[list[WorkflowExecution], Rest | None]:
    """At most `size` runs. Raises TemporalUnreachable, NotAuthorised, UnknownNamespace."""
    found = client.list_workflows(
        at.query, page_size=min(size, LARGEST), next_page_token=at.token or None, rpc_timeout=RPC_TIMEOUT
    )
    async with explained(client):
        await found.fetch_next_page()
    token = found.next_page_token
    return list(found.current_page or ()), Rest(at.query, token) if token else None
