"""What Temporal tells of the jobs that make reports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from domain.errors import ServiceUnavailable
from domain.report_generation import ReportGenerationRequest
from domain.reports import ReportState
from starter.connection import is_absent

_LIMIT = timedelta(seconds=3)
"""For an answer: others wait for the report meanwhile, by `adapters.db.report_rows.WAIT`."""

_GOES_ON = (WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW)


class TemporalReportJobs:
    """Implements `domain.report_ports.ReportJobs`."""

    def __init__(self, connected: Callable[[], Client]) -> None:
        """`connected` gives the client; it is asked for when a job is, and not before."""
        self._connected = connected

    async def ended_as(self, request: ReportGenerationRequest) -> ReportState | None:
        """See `ReportJobs`."""
        # Without a run's id: the last run of the job, as the server has it at this moment. Lists may be behind.
        handle = self._connected().get_workflow_handle(request.workflow_id)
        try:
            async with asyncio.timeout(_LIMIT.total_seconds()):
                status = (await handle.describe(rpc_timeout=_LIMIT)).status
        except TimeoutError:
            raise ServiceUnavailable("Temporal does not answer in time.") from None
        except RPCError as exc:
            if is_absent(exc):
                return ReportState.failed
            raise ServiceUnavailable(f"Temporal does not answer as it should ({exc.status.name}).") from None
        if status is None or status in _GOES_ON:
            return None
        # Also one that completed: it has recorded its file before, so the database is older than that by now.
        return ReportState.cancelled if status is WorkflowExecutionStatus.CANCELED else ReportState.failed
