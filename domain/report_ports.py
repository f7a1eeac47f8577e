"""What reports need of the outside world."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol
from uuid import UUID

from domain.idempotency import Answer, Repeatable
from domain.report_generation import ReportGenerationRequest
from domain.reports import Report, ReportFile, ReportState, Slice

Told = Callable[[int], None]
"""Called with the number of rows done so far."""

EndedAs = Callable[[ReportGenerationRequest], Awaitable[ReportState | None]]
"""How the job of a report has ended: failed or cancelled; None where it has not."""


class UnknownMember(LookupError):
    """Nobody of the staff has this number."""


@dataclass(frozen=True)
class Member:
    """Someone of the staff, who can ask for reports."""

    id: int
    name: str
    email: str
    locale: str


@dataclass(frozen=True)
class Asking:
    """That somebody asked for a report, and gets its link."""

    id: int
    report: Report
    member: Member


@dataclass(frozen=True)
class Asked:
    """What became of asking."""

    report: Report
    """With the request that makes it, its generation chosen."""
    joined: bool
    """It was asked for before, or is there already: nothing is made anew."""


class ReportDesk(Protocol):
    """Where reports are asked for. Each call may raise a `TransientError`."""

    async def ask(
        self,
        request: ReportGenerationRequest,
        answer: Callable[[Asked], Answer],
        repeatable: Repeatable | None = None,
        *,
        refresh: bool = False,
        client: str | None = None,
    ) -> Answer:
        """Ask for a report in one transaction: its row, who asked, the job that makes it, and the kept answer.

        The request's generation does not count: it is chosen. A report that is being made or is there already is
        joined; whoever asked gets the link once it is ready, and again when they ask for one that is there, by six
        mails an hour at most. The next generation is made if the last one failed, was cancelled or removed, if its
        period was not over when it was made, or with `refresh`. A repeated request gets the kept answer, and asks for
        nothing. `client`: name of the API key that it is asked through, which may look at the report then.

        Raises InvalidRequest for a period that has not begun, UnknownMember, KeyReused, StillAtWork; OutcomeUnknown if
        the connection broke at the commit.
        """
        ...

    async def find(self, report_id: UUID, *, client: str | None = None) -> Report | None:
        """A report; with `client` only where it was asked for through that API key."""
        ...


class ReportBook(Protocol):
    """The rows of reports, for the jobs that make them. Each call may raise a `TransientError`."""

    async def open(self, request: ReportGenerationRequest) -> Report:
        """The report's row; made, with who asked, where the job was started without the desk.

        One that had failed or was cancelled is `requested` again: its job runs anew. Raises InvalidRequest for a period
        that has not begun, NotFound for an unknown member.
        """
        ...

    async def reopen(self, report_id: UUID) -> Report:
        """The report, for a step of its job: `requested` again as in `open`. Raises NotFound if its row is gone."""
        ...

    async def ready(self, report_id: UUID, file: ReportFile) -> None:
        """Keep the file and enqueue a notice to all who asked, in one transaction. The second time changes nothing."""
        ...

    async def ended(self, report_id: UUID, state: ReportState) -> None:
        """Keep that its job failed or was cancelled. Changes nothing where it is ready."""
        ...

    async def asking(self, asking_id: int) -> Asking | None:
        """Who asked for what; None where that is gone."""
        ...

    async def outdated(self, before: datetime, limit: int) -> Sequence[Report]:
        """Reports that were finished before an instant, and whose file was not removed yet; oldest first."""
        ...

    async def removed(self, report_id: UUID) -> None:
        """Keep that the file is gone."""
        ...

    async def unfinished(self, before: datetime, limit: int, after: UUID | None = None) -> Sequence[Report]:
        """Reports that were asked for before an instant, and are neither there nor known to have ended; by id.

        `after`: only those behind this id.
        """
        ...

    async def settle(self, report: Report, ended_as: EndedAs) -> ReportState | None:
        """Keep that the job of an unfinished report has ended, where it has; returns as what, None where it has not.

        While `ended_as` is asked, the report can neither be asked for nor be opened by a job. One whose job waits in
        the outbox has not ended. Changes nothing where the report is unfinished no more.
        """
        ...

    async def idle_among(self, report_ids: Sequence[UUID]) -> Sequence[UUID]:
        """Those of the ids whose report is not being made: it has ended, or has no row."""
        ...

    async def ended_among(self, report_ids: Sequence[UUID]) -> Sequence[Report]:
        """Those of the ids whose report failed or was cancelled."""
        ...

    async def while_ended(self, report: Report, call: Callable[[], Awaitable[None]]) -> bool:
        """Do something that must not meet the report's job, and can be done twice; returns whether it was done.

        It is not where the report is there, or is being made. Meanwhile it can neither be asked for nor be opened by a
        job, so the call has some seconds.
        """
        ...


class ReportJobs(Protocol):
    """What Temporal tells of the jobs that make reports. A call takes some seconds, or raises a `TransientError`."""

    async def ended_as(self, request: ReportGenerationRequest) -> ReportState | None:
        """How a report's job has ended, if it has: cancelled, or else failed, also where somebody terminated it.

        None where its last run goes on, or waits for its start. One that Temporal knows nothing of has failed.
        """
        ...


class ReportMaker(Protocol):
    """Makes the files. Each call may raise a `TransientError`, or a `PermanentError` where no later attempt helps.

    Parts and files are written whole or not at all: under its final name nobody ever sees half a file.
    """

    async def plan(self, report: Report) -> Sequence[Slice]:
        """Cut the period into parts of about the same size; one for a report that is not made in parts."""
        ...

    async def write_part(self, report: Report, part: int, piece: Slice, told: Told) -> int:
        """Write a part's own file, over what an earlier attempt left; returns its number of rows."""
        ...

    async def publish(self, report: Report, parts: int, told: Told) -> ReportFile:
        """Join all parts to the file, and put it under its final name. Can be repeated while the parts are there."""
        ...

    async def discard_parts(self, report_id: UUID) -> None:
        """Remove the files of all parts, however many there are."""
        ...

    async def discard_files(self, report_id: UUID) -> None:
        """Remove what was put under the report's id as its file, by whatever name."""
        ...

    def abandoned(self, before: datetime) -> AsyncIterator[UUID]:
        """Reports that have parts which were written before an instant."""
        ...

    def filed(self, before: datetime) -> AsyncIterator[UUID]:
        """Reports that have a file which was written before an instant."""
        ...


class ReportFiles(Protocol):
    """Leads to finished files for downloads."""

    async def locate(self, file: ReportFile, method: Literal["GET", "HEAD"]) -> Path | str:
        """Where the file is: a path of this machine, or a URL by which anyone can get it for some minutes.

        Raises Gone if it is not there; another JobError.
        """
        ...


class ReportLinks(Protocol):
    """Links by which a report can be downloaded without a key, for a time."""

    def link(self, report_id: UUID) -> str:
        """A link that is valid from now on for as long as the settings say."""
        ...

    def expires_at(self) -> datetime:
        """When a link that is made now ends to be valid."""
        ...

    def check(self, token: str) -> UUID | None:
        """The report that a link's token is for; None where it has expired or was not made by us."""
        ...
