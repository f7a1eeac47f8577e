"""`jobs pause`, `jobs resume` and `jobs paused`."""

from __future__ import annotations

import getpass
import socket

import pytest
from temporalio.client import Client

from demo.stack import Stack
from starter import Jobs, OrderConfirmationRequest
from starter.pauses import paused
from starter.setup import add_search_attributes
from tests.fakes import FakeMail
from tests.starter.commandline import CommandLine, InProcess
from tests.starter.serving import MakeNamespace
from tests.starter.watching import until, watch

KIND = "order-confirmation"
ME = f"{getpass.getuser()}@{socket.gethostname()}"


@pytest.fixture
async def quiet(make_namespace: MakeNamespace) -> Client:
    """Of a namespace in which no other test pauses anything."""
    client = await make_namespace()
    await add_search_attributes(client)
    return client


@pytest.fixture
def jobs(stack: Stack, quiet: Client) -> CommandLine:
    return InProcess({**stack.environment(), "TEMPORAL_NAMESPACE": quiet.namespace})


async def test_a_pause_is_shown_with_who_and_why_and_resumed_where_it_says_how(
    jobs: CommandLine, quiet: Client
) -> None:
    made = await jobs("pause", KIND, "--reason", "mail server is down")

    async def one_waits() -> bool:
        return [each.held for each in await paused(quiet)] == [1]

    async with watch(quiet, 1, mail=FakeMail()):
        handle = await Jobs(quiet).start(OrderConfirmationRequest, order_id=1)
        await until(one_waits)
        again = await jobs("pause", KIND)
        shown = await jobs("paused")
        status = await jobs("status", handle.id)
        resumed = await jobs("resume", KIND)
        outcome = await handle.result()
    once_more = await jobs("resume", KIND)
    nothing = await jobs("paused")

    assert (made.status, made.err) == (0, "")
    assert made.out.splitlines()[:2] == [
        f"Paused: {KIND}. Jobs that have not begun wait, those under way go on. Workers heed it within 3 s.",
        f"  To let its jobs go on: python -m starter resume {KIND}",
    ]
    assert "/workflows/paused%2Forder-confirmation" in made.out
    assert again.status == 0
    assert again.out.startswith(f"{KIND} is paused already, since ")
    assert f"by {ME}: mail server is down\n" in again.out
    heading, row = shown.out.splitlines()
    assert heading.split("  ")[0] == "paused"
    assert row.startswith(f"{KIND}  ")
    assert row.split()[-6:] == [ME, "1", "mail", "server", "is", "down"]
    assert f"by {ME} (mail server is down)" in status.out
    assert (resumed.status, resumed.out) == (0, f"Resumed: {KIND}. 1 job that waited goes on.\n")
    assert outcome.outcome == "done"
    assert (once_more.status, once_more.out) == (0, f"{KIND} was not paused.\n")
    assert (nothing.status, nothing.out, nothing.err) == (0, "", "Nothing is paused.\n")


async def test_the_documents_have_the_same_and_a_name_that_is_not_there_is_refused(jobs: CommandLine) -> None:
    made = (await jobs("pause", "--queue", "notifications", "--json")).document
    (listed,) = (await jobs("paused", "--json")).document
    resumed = (await jobs("resume", "--queue", "notifications", "--json")).document
    unknown = await jobs("pause", "reprot")
    two = await jobs("resume", KIND, "--queue", "notifications")

    assert (made["kind"], made["queue"], made["by"], made["reason"]) == (None, "notifications", ME, "")
    assert (made["new"], made["held"]) == (True, 0)
    assert listed == {**made, "new": False}
    assert resumed == {
        "kind": None,
        "queue": "notifications",
        "was_paused": True,
        "released": 0,
        "still_held": 0,
    }
    assert (unknown.status, two.status) == (2, 2)
    assert unknown.err.startswith("Error: KIND: There is no kind 'reprot'; there are: ")
    assert two.err.startswith("Error: KIND or --queue: name one of the two")
