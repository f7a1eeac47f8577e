"""`jobs status`, `jobs list` and `jobs cancel`, with a real Temporal server."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import RecipientRejected, ServiceUnavailable
from starter import Jobs, OrderConfirmationRequest
from starter.errors import JobDidNotComplete
from tests.fakes import FakeMail
from tests.starter.commandline import CommandLine
from tests.starter.serving import Serving, becomes

KIND = "order-confirmation"


async def _completed(jobs: Jobs, serving: Serving, order_id: int) -> str:
    async with serving(order_id):
        handle = await jobs.start(OrderConfirmationRequest, order_id=order_id)
        await handle.result()
    return handle.id


async def _failed(jobs: Jobs, serving: Serving, order_id: int) -> str:
    async with serving(order_id, mail=FakeMail(RecipientRejected("550 5.1.1 at RCPT TO"))):
        handle = await jobs.start(OrderConfirmationRequest, order_id=order_id)
        with pytest.raises(JobDidNotComplete):
            await handle.result()
    return handle.id


async def _listed(command_line: CommandLine, order_id: int, *filters: str, at_least: int = 1) -> list[str]:
    """Ids that `jobs list` gives for the order and these filters. Waits until visibility knows the order."""
    async with asyncio.timeout(30):
        while len((await command_line("list", "--order-id", order_id, "--json")).document) < at_least:
            pass
    done = await command_line("list", "--order-id", order_id, *filters, "--json")
    assert done.status == 0
    return [job["id"] for job in done.document]


async def test_status_shows_a_completed_jobs_outcome_and_link(
    command_line: CommandLine, jobs: Jobs, serving: Serving, order_id: int
) -> None:
    job = await _completed(jobs, serving, order_id)

    done = await command_line("status", job)
    apart = await command_line("status", KIND, order_id, "--json")

    assert done.status == 0
    shown = dict(line.split(maxsplit=1) for line in done.out.splitlines())
    assert (shown["job"], shown["state"], shown["outcome"]) == (job, "completed", f"done: {job}")
    assert shown["ids"] == f"OrderId={order_id}"
    assert shown["link"].endswith(f"/{shown['run']}/history")
    assert apart.document["id"] == job
    assert apart.document["outcome"] == {"outcome": "done", "reference": job, "facts": {}}


async def test_status_shows_step_attempts_and_the_next_attempt_of_a_job_that_is_retried(
    command_line: CommandLine, jobs: Jobs, serving: Serving, order_id: int
) -> None:
    down = ServiceUnavailable("451 4.3.0 at RCPT TO", retry_after=timedelta(seconds=60))
    async with serving(order_id, mail=FakeMail(ServiceUnavailable("451 4.3.0 at RCPT TO"), down)):
        handle = await jobs.start(OrderConfirmationRequest, order_id=order_id)
        await becomes(handle, lambda status: status.attempt == 3)
        done = await command_line("status", handle.id)
        document = (await command_line("status", handle.id, "--json")).document

    assert "order_confirmation.confirm, attempt 3 of 4" in done.out
    assert "ServiceUnavailable: 451 4.3.0 at RCPT TO" in done.out
    assert " (in " in done.out
    assert datetime.fromisoformat(document["next_attempt_at"]) < datetime.now(UTC) + timedelta(minutes=1)


async def test_status_of_an_unknown_job_names_the_remedy(command_line: CommandLine, order_id: int) -> None:
    done = await command_line("status", KIND, order_id, "--json")

    assert done.status == 1
    assert done.document["error"]["type"] == "JobNotFound"
    assert done.err.startswith(f"Error: There is no job '{KIND}/{order_id}' in namespace ")
    assert "`python -m starter list` shows those that are there." in done.err


async def test_watching_a_job_ends_when_the_job_does(
    command_line: CommandLine, jobs: Jobs, serving: Serving, order_id: int
) -> None:
    handle = await jobs.start(OrderConfirmationRequest, order_id=order_id)
    watching = await command_line.begin("status", handle.id, "--watch")
    await watching.says("no worker has taken it yet from the queue 'notifications'")

    async with serving(order_id):
        await handle.result()
        done = await watching.finished()

    assert done.status == 0
    assert f"done: {handle.id}" in done.out


async def test_a_failed_job_is_shown_with_what_to_do_and_found_by_id_kind_state_age_and_error(
    command_line: CommandLine, jobs: Jobs, serving: Serving, order_id: int
) -> None:
    job = await _failed(jobs, serving, order_id)

    shown = await command_line("status", job)
    found = [
        await _listed(command_line, order_id, *filters)
        for filters in (
            ("--kind", KIND),
            ("--state", "failed", "--error-type", "RecipientRejected"),
            ("--newer-than", "1h"),
            ("--state", "completed"),
            ("--older-than", "1h"),
            ("--error-type", "MessageRejected"),
        )
    ]
    lines = await command_line("list", "--order-id", order_id, COLUMNS="20")

    assert "RecipientRejected: 550 5.1.1 at RCPT TO. Correct the customer's address, then redrive the job." in shown.out
    assert found == [[job], [job], [job], [], [], []]
    # Into a pipe: one aligned line for each job, never cut.
    heading, row = lines.out.splitlines()
    assert heading.split() == ["job", "state", "started", "took", "error"]
    assert row.startswith(f"{job}  failed")
    assert row.endswith("RecipientRejected")
    assert row.index("failed") == heading.index("state")


async def test_list_says_when_there_are_more_than_the_limit_and_when_there_is_none(
    command_line: CommandLine, jobs: Jobs, serving: Serving, order_id: int
) -> None:
    await _failed(jobs, serving, order_id)
    async with serving(order_id):
        await (await jobs.start(OrderConfirmationRequest(order_id=order_id), restart=True)).result()
    await _listed(command_line, order_id, at_least=2)

    done = await command_line("list", "--order-id", order_id, "--limit", 1)
    none = await command_line("list", "--order-id", "no-such-order")
    document = await command_line("list", "--order-id", "it's \\ odd", "--json")

    assert len(done.out.splitlines()) == 2
    assert done.err == "There are more than 1; --limit shows more of them.\n"
    assert (none.status, none.out, none.err) == (0, "", "No job fits.\n")
    assert (document.status, document.document) == (0, [])


async def test_cancelling_a_job_that_waits_ends_it(
    command_line: CommandLine, jobs: Jobs, serving: Serving, order_id: int
) -> None:
    async with serving(order_id, mail=FakeMail(ServiceUnavailable("451 4.3.0 at RCPT TO")), wait=60):
        handle = await jobs.start(OrderConfirmationRequest, order_id=order_id)
        await becomes(handle, lambda status: status.waiting is not None and "timer" in status.waiting)
        done = await command_line("cancel", handle.id)
        again = await command_line("cancel", handle.id)

    assert (done.status, done.out.splitlines()[0]) == (0, f"{handle.id} is cancelled.")
    assert (again.status, again.out.splitlines()[0]) == (0, f"{handle.id} has ended already: cancelled")


async def test_cancelling_says_that_no_worker_has_taken_the_job_or_that_it_has_ended_otherwise(
    command_line: CommandLine, jobs: Jobs, serving: Serving, order_id: int
) -> None:
    handle = await jobs.start(OrderConfirmationRequest, order_id=10**9 + order_id)
    done = await command_line("cancel", handle.id, "--json")
    ended = await _completed(jobs, serving, order_id)
    late = await command_line("cancel", KIND, order_id)

    assert (done.status, done.document["state"]) == (0, "running")
    assert "no worker has taken it yet" in done.document["waiting"]
    assert (late.status, late.out) == (1, "")
    assert late.err.startswith(f"{ended} has ended already: completed\n")
