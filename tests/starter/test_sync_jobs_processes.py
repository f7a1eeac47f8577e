"""`SyncJobs` in processes that fork, are interrupted, and end without closing it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from temporalio.client import Client

from demo.stack import Stack
from starter import Jobs, JobState

Begin = Callable[[str], Awaitable[asyncio.subprocess.Process]]

MODULE = """
import os, sys, threading
from datetime import timedelta
from pathlib import Path
from starter import JobFailed, OrderConfirmationRequest as Request, SyncJobs

FIRST = int(os.environ["FIRST"])
jobs = SyncJobs()

def start(number):
    return jobs.start(Request(order_id=FIRST + number), delay=timedelta(hours=1))

def threads():
    return len(os.listdir("/proc/self/task"))

def wait_for(*children):
    for child in children:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
"""


@pytest.fixture
async def begin(stack: Stack, client: Client, order_id: int) -> AsyncIterator[Begin]:
    """Begins a program that has `jobs` as a global of a module."""
    begun: list[asyncio.subprocess.Process] = []
    environment = {**os.environ, **stack.environment(), "TEMPORAL_NAMESPACE": client.namespace}

    async def begin(code: str) -> asyncio.subprocess.Process:
        begun.append(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-W", "error", "-c", MODULE + textwrap.dedent(code)),
                env={**environment, "FIRST": str(order_id * 1_000_000)},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        )
        return begun[-1]

    yield begin
    for process in begun:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def ended(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    """Its exit status, and what it said from now on."""
    async with asyncio.timeout(60):
        out, _ = await process.communicate()
    return process.returncode, out.decode()


async def test_children_of_a_process_that_used_it_connect_anew_and_so_does_their_parent(
    begin: Begin, jobs: Jobs, order_id: int
) -> None:
    process = await begin(
        """
        handle = start(0)
        children = []
        for number in (1, 2, 3):
            child = os.fork()
            if not child:
                assert threads() == 1
                assert handle.status().state == "running"
                assert start(number).started and not start(0).started
                sys.exit(3)
            assert threads() == 1
            children.append(child)
            start(10 + number)
        wait_for(*children)
        """
    )

    assert await ended(process) == (0, "")
    for number in (0, 1, 2, 3, 11, 12, 13):
        assert (await jobs.status(f"order-confirmation/{order_id * 1_000_000 + number}")).state is JobState.running


async def test_it_works_in_a_pool_of_forked_processes(begin: Begin) -> None:
    process = await begin(
        """
        import multiprocessing
        def started(number):
            return start(number).started
        start(0)
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert pool.map(started, range(8), chunksize=1) == [False] + [True] * 7
        """
    )

    assert await ended(process) == (0, "")


async def test_a_wait_of_another_thread_goes_on_after_a_fork(begin: Begin, jobs: Jobs, order_id: int) -> None:
    process = await begin(
        """
        handle = jobs.start(Request(order_id=FIRST))
        def wait():
            try:
                handle.result()
            except Exception as exc:
                print(type(exc).__name__, flush=True)
        waiting = threading.Thread(target=wait)
        waiting.start()
        start(1)
        child = os.fork()
        if not child:
            start(2)
            sys.exit(3)
        wait_for(child)
        print("forked", flush=True)
        waiting.join()
        """
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        assert await process.stdout.readline() == b"forked\n"

    await jobs.client.get_workflow_handle(f"order-confirmation/{order_id * 1_000_000}").terminate()

    assert await ended(process) == (0, "JobTerminated\n")


@pytest.mark.long
async def test_ctrl_c_ends_the_wait_and_neither_the_job_nor_the_process(
    begin: Begin, jobs: Jobs, order_id: int
) -> None:
    process = await begin(
        """
        handle = start(0)
        try:
            print("waits", flush=True)
            handle.result()
        except KeyboardInterrupt:
            print(handle.status().state, start(1).started)
        """
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        await process.stdout.readline()
    process.send_signal(signal.SIGINT)

    assert await ended(process) == (0, "running True\n")
    assert (await jobs.status(f"order-confirmation/{order_id * 1_000_000}")).state is JobState.running


async def test_a_process_ends_as_it_should_while_its_daemon_threads_wait_and_its_last_acts_can_start_jobs(
    begin: Begin,
) -> None:
    process = await begin(
        """
        import atexit
        handle = start(0)
        for _ in range(3):
            threading.Thread(target=handle.result, daemon=True).start()
        atexit.register(lambda: print("last", start(1).started))
        sys.exit(5)
        """
    )

    assert await ended(process) == (5, "last True\n")
