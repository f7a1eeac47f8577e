"""A guard ends what it started, and what that started."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psutil
import pytest

from demo.guarded import Guarded

STUBBORN = "trap '' TERM; while :; do sleep 0.05; done"
WITH_A_CHILD_OF_ITS_OWN_SESSION = "setsid sleep 600 & echo started; wait"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[IO[bytes]]:
    with (tmp_path / "log").open("ab+") as file:
        yield file


def shell(script: str, log: IO[bytes], *, grace: float = 5) -> Guarded:
    return Guarded(["/bin/sh", "-c", script], log=log, environment=os.environ, grace=grace)


def family(guarded: Guarded) -> list[psutil.Process]:
    assert guarded.pid is not None
    program = psutil.Process(guarded.pid)
    return [program, *program.children(recursive=True)]


def test_a_program_that_ignores_the_stop_signal_is_killed_after_its_grace(log: IO[bytes]) -> None:
    program = shell(STUBBORN, log, grace=0.2)
    processes = family(program)

    program.stop()

    assert not program.running
    assert not any(process.is_running() for process in processes)


def test_what_a_killed_program_left_behind_is_killed_too(log: IO[bytes]) -> None:
    program = shell(WITH_A_CHILD_OF_ITS_OWN_SESSION, log)
    while b"started" not in Path(log.name).read_bytes():
        pass
    processes = family(program)
    assert len(processes) == 2

    program.kill()

    assert not any(process.is_running() for process in processes)


def test_the_exit_status_of_a_program_is_told(log: IO[bytes]) -> None:
    assert shell("exit 3", log).wait() == 3
    assert shell("kill -9 $$", log).wait() == -signal.SIGKILL


def test_a_program_that_cannot_be_started_leaves_the_reason_in_the_log(log: IO[bytes]) -> None:
    program = Guarded(["/does/not/exist"], log=log, environment=os.environ)
    program.stop()

    assert program.pid is None
    assert b"/does/not/exist" in Path(log.name).read_bytes()


def test_stopping_twice_changes_nothing(log: IO[bytes]) -> None:
    program = shell("exit 0", log)
    program.stop()
    program.stop()
    program.kill()

    assert not program.running


def test_a_fork_of_the_owner_does_not_keep_the_program_alive(log: IO[bytes]) -> None:
    """The fork holds the owner's end of the guard's pipe open after the owner has died."""
    script = """
import os, sys, time
from demo.guarded import Guarded
with open(sys.argv[1], "ab") as log:
    program = Guarded(["/bin/sleep", "600"], log=log, environment=os.environ)
fork = os.fork()
if fork == 0:
    os.close(1)  # which the test reads to its end
    time.sleep(600)
print(program.pid, fork, flush=True)
os.kill(os.getpid(), 9)
"""
    owner = subprocess.run([sys.executable, "-c", script, log.name], stdout=subprocess.PIPE, text=True, check=False)
    pid, fork = map(int, owner.stdout.split())
    try:
        assert not psutil.pid_exists(pid) or psutil.Process(pid).wait(30) is None
        assert psutil.Process(fork).is_running()
    finally:
        os.kill(fork, signal.SIGKILL)
