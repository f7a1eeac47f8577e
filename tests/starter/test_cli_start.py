"""`jobs start`, with a real Temporal server; what waits or is interrupted is a process of its own."""

from __future__ import annotations

import signal

import pytest

from domain.errors import RecipientRejected
from starter import Jobs
from tests.fakes import FakeMail
from tests.starter.commandline import CommandLine
from tests.starter.serving import Serving

KIND = "order-confirmation"


def refusing() -> FakeMail:
    return FakeMail(RecipientRejected("550 5.1.1 at RCPT TO"))


async def test_a_start_says_id_run_and_link_and_a_second_one_that_the_job_is_there(
    command_line: CommandLine, serving: Serving, jobs: Jobs, order_id: int
) -> None:
    job = f"{KIND}/{order_id}"
    async with serving(order_id) as orders:
        done = await command_line("start", KIND, "--order-id", order_id)
        assert (await jobs.of(job).result()).outcome == "done"
        again = await command_line("start", KIND, "--order-id", order_id, "--restart", "--json")
    status = await jobs.of(job).status()

    assert (done.status, done.err) == (0, "")
    assert done.out == f"Started {job} (run {status.run_id})\n  {status.web_ui}\n"
    assert (again.document["started"], again.document["state"]) == (False, "completed")
    assert orders.marked[order_id] == 1


async def test_a_start_that_no_worker_takes_warns_unless_told_not_to_look_and_still_succeeds(
    command_line: CommandLine, order_id: int
) -> None:
    done = await command_line("start", KIND, "--order-id", order_id)
    again = await command_line("start", KIND, "--order-id", order_id, "--no-check")

    assert (done.status, again.status, again.err) == (0, 0, "")
    assert "no worker serves the queue 'notifications': start one with `make worker`" in done.err
    assert again.out.startswith(f"{KIND}/{order_id} is there already: running (run ")


async def test_a_start_as_json_is_one_document(command_line: CommandLine, serving: Serving, order_id: int) -> None:
    async with serving(order_id):
        document = (await command_line("start", KIND, "--order-id", order_id, "--json")).document

    assert document.pop("web_ui").endswith(f"/{document.pop('run_id')}/history")
    assert document == {
        "id": f"{KIND}/{order_id}",
        "kind": KIND,
        "started": True,
        "state": "running",
        "picked_up": True,
        "outcome": None,
        "error": None,
    }


async def test_waiting_says_the_outcome(command_line: CommandLine, serving: Serving, order_id: int) -> None:
    async with serving(order_id):
        done = await command_line("start", KIND, "--order-id", order_id, "--wait")
        skipped = await command_line("start", KIND, "--order-id", 10**9 + order_id, "--wait", "--json")

    assert (done.status, skipped.status) == (0, 0)
    assert done.out.endswith(f"\nDone: {KIND}/{order_id}\n")
    assert skipped.document["state"] == "completed"
    assert skipped.document["outcome"] == {"outcome": "skipped", "reason": "order-not-found"}


async def test_waiting_for_a_job_that_fails_gives_its_error_and_link_and_restart_runs_it_again(
    command_line: CommandLine, serving: Serving, jobs: Jobs, order_id: int
) -> None:
    job = f"{KIND}/{order_id}"
    async with serving(order_id, mail=refusing()):
        failed = await command_line("start", KIND, "--order-id", order_id, "--wait")
        link = (await jobs.status(job)).web_ui
        there = await command_line("start", KIND, "--order-id", order_id)
        document = (await command_line("start", KIND, "--order-id", order_id, "--wait", "--json")).document
        again = await command_line("start", KIND, "--order-id", order_id, "--restart", "--wait")

    assert failed.status == 1
    assert f"{job} failed: RecipientRejected: 550 5.1.1 at RCPT TO" in failed.err
    assert link in failed.err
    assert f"{job} is there already: failed" in there.out
    assert "To run it anew, add --restart." in there.out
    assert (document["state"], document["error"]["type"]) == ("failed", "RecipientRejected")
    assert (again.status, again.out.splitlines()[0][:7]) == (0, "Started")


async def test_waiting_for_a_job_that_is_cancelled_fails(
    command_line: CommandLine, serving: Serving, jobs: Jobs, order_id: int
) -> None:
    waiting = await command_line.begin("start", KIND, "--order-id", order_id, "--wait", "--no-check")
    await waiting.says("history\n")
    await jobs.of(f"{KIND}/{order_id}").cancel()
    async with serving(order_id):
        done = await waiting.finished()

    assert done.status == 1
    assert f"{KIND}/{order_id} cancelled: it was cancelled" in done.err


async def test_waiting_ends_after_the_time_given_and_the_job_goes_on(
    command_line: CommandLine, jobs: Jobs, order_id: int
) -> None:
    done = await command_line("start", KIND, "--order-id", order_id, "--wait", "--timeout", "0.2s")

    assert done.status == 1
    assert f"{KIND}/{order_id} has not ended after 0 s. It goes on" in done.err
    assert (await jobs.status(f"{KIND}/{order_id}")).state == "running"


async def test_a_delayed_job_is_there_at_once_and_counts_as_served(
    command_line: CommandLine, jobs: Jobs, order_id: int
) -> None:
    done = await command_line("start", KIND, "--order-id", order_id, "--delay", "1h30m")

    assert done.out.startswith(f"Started {KIND}/{order_id}, to run in 1 h 30 min (run ")
    assert done.err == ""
    assert (await jobs.of(f"{KIND}/{order_id}").status()).state == "running"


@pytest.mark.long
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_while_waiting_says_that_the_job_goes_on(
    command_line: CommandLine, jobs: Jobs, order_id: int, signum: signal.Signals
) -> None:
    waiting = await command_line.begin("start", KIND, "--order-id", order_id, "--wait", "--no-check")
    await waiting.says("history\n")
    waiting.send(signum)
    done = await waiting.finished()

    status = await jobs.of(f"{KIND}/{order_id}").status()
    assert done.status == 128 + signum
    assert done.err == (
        f"The job {KIND}/{order_id} goes on. Look at it: "
        f"`python -m starter status {KIND}/{order_id}`, or {status.web_ui}\n"
    )
    assert status.state == "running"


async def test_ctrl_c_while_waiting_still_leaves_a_json_document(command_line: CommandLine, order_id: int) -> None:
    waiting = await command_line.begin("start", KIND, "--order-id", order_id, "--wait", "--json")
    await waiting.warns("no worker serves")

    waiting.send(signal.SIGINT)
    done = await waiting.finished()

    assert done.status == 130
    assert (done.document["id"], done.document["state"]) == (f"{KIND}/{order_id}", "running")
