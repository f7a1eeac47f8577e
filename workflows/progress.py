"""How far a job is, for whoever looks: in the Web UI, and by the query `progress`.

A query costs no event of the history. What a running attempt has done by itself stands in its heartbeat, which is
added by whoever asks.
"""

from __future__ import annotations

from temporalio import workflow

from domain.progress import Progress

QUERY = "progress"


class ProgressKept:
    """Of one run. Make it in the workflow's `run`, before its steps; the query is answered from then on."""

    def __init__(self) -> None:
        self._now: Progress | None = None
        workflow.set_query_handler(QUERY, self._tell)

    def at(self, done: int, of: int, unit: str, details: str) -> None:
        """Keep how far the job is, and say so in the Web UI."""
        self._now = Progress(done=done, of=max(of, done), unit=unit)
        workflow.set_current_details(details)

    def _tell(self) -> Progress | None:
        return self._now
