"""`jobs start`, by a process of its own, with a real Temporal server."""

from __future__ import annotations

import signal

from domain.errors import RecipientRejected
from starter import Jobs, OrderConfirmationRequest
from tests.fakes import FakeMail
from tests.starter.commandline import CommandLine
from tests.starter.serving import Serving

KIND = "order-confirmation"


async def test_a_start_says_id_run_and_link(
    command_line: CommandLine, serving: Serving, jobs: Jobs, order_id: int
) -> None:
    async with serving(order_id):
        done = await command_line("start", KIND, "--order-id", order_id)

        handle = jobs.of(f"{KIND}/{order_id}")
        assert (await handle.result()).outcome == "done"
    status = await handle.status()
    assert done.status == 0
    assert done.out == f"Started {KIND}/{order_id} (run {status.run_id})\n  {status.web_ui}\n"
    assert done.err == ""


async def test_a_start_that_no_worker_takes_warns_and_still_succeeds(command_line: CommandLine, order_id: int) -> None:
    done = await command_line("start", KIND, "--order-id", order_id)

    assert done.status == 0
    assert done.out.startswith(f"Started {KIND}/{order_id}")
    assert "no worker serves the queue 'notifications': start one with `make worker`" in done.err


async def test_a_start_with_no_check_does_not_look_for_a_worker(command_line: CommandLine, order_id: int) -> None:
    done = await command_line("start", KIND, "--order-id", order_id, "--no-check")

    assert (done.status, done.err) == (0, "")


async def test_a_start_as_json_is_one_document(command_line: CommandLine, serving: Serving, order_id: int) -> None:
    async with serving(order_id):
        done = await command_line("start", KIND, "--order-id", order_id, "--json")

    document = done.document
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

    assert done.status == 0
    assert done.out.endswith(f"\nDone: {KIND}/{order_id}\n")


async def test_waiting_for_a_job_that_had_nothing_to_do_succeeds(
    command_line: CommandLine, serving: Serving, order_id: int
) -> None:
    async with serving():
        done = await command_line("start", KIND, "--order-id", order_id, "--wait", "--json")

    assert done.status == 0
    assert done.document["state"] == "completed"
    assert done.document["outcome"] == {"outcome": "skipped", "reason": "order-not-found"}


async def test_waiting_for_a_job_that_fails_gives_its_error_and_link(
    command_line: CommandLine, serving: Serving, jobs: Jobs, order_id: int
) -> None:
    async with serving(order_id, mail=FakeMail(RecipientRejected("550 5.1.1 at RCPT TO"))):
        done = await command_line("start", KIND, "--order-id", order_id, "--wait")

    assert done.status == 1
    assert f"{KIND}/{order_id} failed: RecipientRejected: 550 5.1.1 at RCPT TO" in done.err
    assert (await jobs.of(f"{KIND}/{order_id}").status()).web_ui in done.err


async def test_a_failure_as_json_stands_beside_the_state(
    command_line: CommandLine, serving: Serving, order_id: int
) -> None:
    async with serving(order_id, mail=FakeMail(RecipientRejected("550 5.1.1 at RCPT TO"))):
        done = await command_line("start", KIND, "--order-id", order_id, "--wait", "--json")

    assert done.status == 1
    assert done.document["state"] == "failed"
    assert done.document["error"]["type"] == "RecipientRejected"


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


async def test_waiting_warns_that_no_worker_is_there_and_goes_on(
    command_line: CommandLine, serving: Serving, order_id: int
) -> None:
    waiting = await command_line.begin("start", KIND, "--order-id", order_id, "--wait", "--timeout", "6s")

    done = await waiting.finished()

    assert done.status == 1
    assert "no worker serves the queue 'notifications'" in done.err
    assert f"{KIND}/{order_id} has not ended after 6 s. It goes on" in done.err
    async with serving(order_id):
        again = await command_line("start", KIND, "--order-id", order_id, "--wait")
    assert again.status == 0


async def test_a_delayed_job_is_there_at_once_and_counts_as_served(
    command_line: CommandLine, jobs: Jobs, order_id: int
) -> None:
    done = await command_line("start", KIND, "--order-id", order_id, "--delay", "1h30m")

    assert done.out.startswith(f"Started {KIND}/{order_id}, to run in 1 h 30 min (run ")
    assert done.err == ""
    assert (await jobs.of(f"{KIND}/{order_id}").status()).state == "running"


async def test_ctrl_c_while_waiting_says_that_the_job_goes_on(
    command_line: CommandLine, jobs: Jobs, order_id: int
) -> None:
    waiting = await command_line.begin("start", KIND, "--order-id", order_id, "--wait")
    await waiting.says("history\n")

    waiting.send(signal.SIGINT)
    done = await waiting.finished()

    status = await jobs.of(f"{KIND}/{order_id}").status()
    assert done.status == 130
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
    assert done.document["id"] == f"{KIND}/{order_id}"
    assert done.document["state"] == "running"


async def test_sigterm_while_waiting_ends_as_shells_expect(command_line: CommandLine, order_id: int) -> None:
    waiting = await command_line.begin("start", KIND, "--order-id", order_id, "--wait")
    await waiting.says("history\n")

    waiting.send(signal.SIGTERM)

    assert (await waiting.finished()).status == 143


async def test_a_second_start_says_that_the_job_runs_already(
    command_line: CommandLine, jobs: Jobs, order_id: int
) -> None:
    first = await jobs.start(OrderConfirmationRequest, order_id=order_id)

    done = await command_line("start", KIND, "--order-id", order_id, "--no-check")

    assert done.status == 0
    assert done.out.startswith(f"{KIND}/{order_id} is there already: running (run {first.run_id}).\n")


async def test_a_second_start_after_a_failure_says_so_and_starts_nothing(
    command_line: CommandLine, serving: Serving, jobs: Jobs, order_id: int
) -> None:
    async with serving(order_id, mail=FakeMail(RecipientRejected("550 5.1.1 at RCPT TO"))):
        await command_line("start", KIND, "--order-id", order_id, "--wait")
        done = await command_line("start", KIND, "--order-id", order_id)

    assert done.status == 0
    assert f"{KIND}/{order_id} is there already: failed" in done.out
    assert "To run it anew, add --restart." in done.out
    assert (await jobs.of(f"{KIND}/{order_id}").status()).state == "failed"


async def test_restart_runs_a_failed_job_anew(command_line: CommandLine, serving: Serving, order_id: int) -> None:
    async with serving(order_id, mail=FakeMail(RecipientRejected("550 5.1.1 at RCPT TO"))):
        await command_line("start", KIND, "--order-id", order_id, "--wait")
        done = await command_line("start", KIND, "--order-id", order_id, "--restart", "--wait")

    assert done.status == 0
    assert done.out.startswith(f"Started {KIND}/{order_id}")


async def test_restart_leaves_a_completed_job_alone(command_line: CommandLine, serving: Serving, order_id: int) -> None:
    async with serving(order_id) as orders:
        await command_line("start", KIND, "--order-id", order_id, "--wait")
        done = await command_line("start", KIND, "--order-id", order_id, "--restart", "--json")

    assert done.document["started"] is False
    assert done.document["state"] == "completed"
    assert orders.marked[order_id] == 1
