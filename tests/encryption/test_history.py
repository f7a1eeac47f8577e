"""What Temporal keeps of a job is not to be read without the key; those who have it see everything."""

from __future__ import annotations

import mmap
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest
from temporalio.client import Client

from demo.stack import Stack
from domain.outcomes import Done
from starter import JobFailed, Jobs, JobState
from starter.dead_letters.attempt_history import attempts
from starter.dead_letters.reset_point import reset_point
from starter.errors import UnknownOutcome
from starter.history import all_events
from starter.pauses import pause, resume
from tests.encryption.conftest import Having
from tests.encryption.diary import KINDS, PLACES, DiaryEntryRequest
from workflows.hosting import job_worker


def kept(folder: Path, text: str) -> bool:
    """Whether the server's files, its write-ahead log included, have this in them."""
    for path in folder.glob("temporal.db*"):
        with path.open("rb") as file:
            if path.stat().st_size and mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ).find(text.encode()) >= 0:
                return True
    return False


@dataclass(frozen=True)
class Ran:
    """One job that was done at the third attempt, and one that failed then."""

    jobs: Jobs
    hint: str
    done: str
    lost: str


async def run_both(client: Client, entry_id: int) -> Ran:
    hint = uuid.uuid4().hex
    jobs = Jobs(client, kinds=KINDS)
    async with job_worker(client, "diaries", KINDS, {}, sandbox=False, draw=lambda low, _: low / 10):
        done = await jobs.start(DiaryEntryRequest(entry_id=entry_id, hint=hint))
        lost = await jobs.start(DiaryEntryRequest(entry_id=entry_id + 1, hint=hint, lost=True))
        assert (await done.result()) == Done(reference=f"outcome-result-{hint}")
        with pytest.raises(JobFailed, match=f"lost-{hint}"):
            await lost.result()
    return Ran(jobs, hint, done.id, lost.id)


@pytest.fixture(scope="module")
async def ran(having: Having) -> Ran:
    """Encrypted under k1."""
    return await run_both(await having("k1"), 7_000_001)


async def test_nothing_of_a_job_can_be_read_in_the_servers_file(ran: Ran, stack: Stack) -> None:
    client = ran.jobs.client
    await pause(client, kind="diary-entry", reason=f"reason-{ran.hint}", by=f"by-{ran.hint}", kinds=KINDS)

    folder = stack.temporal.folder
    assert not kept(folder, ran.hint)
    # It is the right file, and ids are never encrypted.
    assert kept(folder, ran.done)
    assert kept(folder, ran.lost)
    found = await pause(client, kind="diary-entry", kinds=KINDS)
    assert await resume(client, kind="diary-entry")
    assert (found.new, found.by, found.reason) == (False, f"by-{ran.hint}", f"reason-{ran.hint}")


async def test_without_keys_all_of_that_can_be_read(having: Having, stack: Stack) -> None:
    plain = await run_both(await having(), 8_000_001)

    assert [place for place in PLACES if not kept(stack.temporal.folder, place + plain.hint)] == []


async def test_who_has_the_key_sees_what_went_wrong_and_where_to_take_it_up(ran: Ran) -> None:
    described = await ran.jobs.status(ran.lost)

    assert described.state is JobState.failed
    run = await ran.jobs.client.get_workflow_handle(ran.lost).describe()
    assert await run.static_summary() == f"summary-{ran.hint}"
    assert described.message is not None
    assert f"lost-{ran.hint}" in described.message
    events = await all_events(ran.jobs.client, ran.lost, described.run_id)
    assert events is not None
    assert reset_point(events).step == "diary_entry.write"
    told = [(attempt.number, attempt.message) for attempt in attempts(events, "diary_entry.write")]
    assert [(number, (message or "").partition("-")[0]) for number, message in told] == [
        (1, "first"),
        (2, "second"),
        (3, "lost"),
    ]


@pytest.mark.parametrize("names", [(), ("k2",)])
async def test_who_lacks_the_key_is_told_which_one_it_is(ran: Ran, having: Having, names: tuple[str, ...]) -> None:
    jobs = Jobs(await having(*names), kinds=KINDS)

    failed = await jobs.status(ran.lost)
    with pytest.raises(UnknownOutcome, match="'k1'"):
        await jobs.result(ran.done)

    assert failed.state is JobState.failed
    assert failed.message is not None
    assert "'k1'" in failed.message
