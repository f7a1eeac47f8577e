"""Lists of jobs: which ones, and page by page. Nothing is kept open between two pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict
from temporalio.client import Client, WorkflowExecution

from starter.connection import RPC_TIMEOUT, explained
from starter.status import TEMPORAL_NAMES, JobState, JobSummary
from workflows.pausing import PAUSE
from workflows.registry import Registry


class JobFilter(BaseModel):
    """What must hold of the jobs listed; what is None does not matter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str | None = None
    state: JobState | None = None
    older_than: timedelta | None = None
    """Started longer ago than this."""
    newer_than: timedelta | None = None
    """Started more recently than this."""
    error_type: str | None = None
    ids: dict[str, str] = {}
    """Search attribute → value: `{"OrderId": "1042"}`."""

    def query(self, kinds: Registry) -> str:
        """The query in Temporal's list filter language. Raises LookupError for an unknown kind or attribute."""
        now = datetime.now(UTC)
        terms = []
        if self.kind is not None:
            terms.append(f"WorkflowType IN ({', '.join(map(quoted, kinds.get(self.kind).workflow_types))})")
        else:
            terms.append(f"WorkflowType != {quoted(PAUSE)}")  # no job
        if self.state is not None:
            terms.append(f"ExecutionStatus = {quoted(TEMPORAL_NAMES[self.state])}")
        if self.older_than is not None:
            terms.append(f"StartTime < {quoted((now - self.older_than).isoformat())}")
        if self.newer_than is not None:
            terms.append(f"StartTime > {quoted((now - self.newer_than).isoformat())}")
        if self.error_type is not None:
            terms.append(f"ErrorType = {quoted(self.error_type)}")
        known = kinds.search_attributes()
        for name, value in self.ids.items():
            if name not in known:
                raise LookupError(f"there is no search attribute {name!r}; there are: {', '.join(known)}")
            terms.append(f"{name} = {quoted(value)}")
        return " AND ".join(terms)


def quoted(value: str) -> str:
    """A string literal of the list filter language."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


LARGEST = 1000
"""Jobs of one page."""


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
