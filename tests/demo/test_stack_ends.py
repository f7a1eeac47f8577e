"""However a stack's owner ends, nothing of the stack outlives it."""

import signal
from pathlib import Path

import psutil
import pytest

from demo.ports import Ports
from demo.stack import Stack
from tests.demo.stack_owner import OwnerStarter


def test_after_stop_no_process_is_left_and_the_ports_are_free(folder: Path) -> None:
    stack = Stack(folder, ports=Ports.free())
    before = set(psutil.Process().children(recursive=True))
    stack.start()
    started = set(psutil.Process().children(recursive=True)) - before
    ports = stack.ports

    stack.stop()

    assert len(started) > 8  # four servers and their guards, PostgreSQL's background processes
    assert [process for process in started if process.is_running()] == []
    assert ports.settle(take_others=False) == ports


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_when_the_owner_gets_a_signal_nothing_survives(how: signal.Signals, start_owner: OwnerStarter) -> None:
    owner = start_owner()

    owner.process.send_signal(how)

    assert owner.survivors() == []
    assert owner.busy_ports() == []


def test_when_owner_and_guards_are_killed_the_servers_end_too(start_owner: OwnerStarter) -> None:
    owner = start_owner()
    guards = owner.guards
    assert len(guards) == 4

    owner.kill_with(guards)

    assert owner.survivors() == []
    assert owner.busy_ports() == []


def test_when_everything_is_killed_the_next_start_on_the_folder_works(start_owner: OwnerStarter) -> None:
    first = start_owner()
    first.kill_with(first.everyone)
    assert first.survivors() == []

    second = start_owner()

    assert second.process.poll() is None


def test_right_after_the_owner_was_killed_the_next_start_waits_for_its_servers_to_stop(
    start_owner: OwnerStarter,
) -> None:
    first = start_owner()
    first.process.kill()

    second = start_owner()

    assert second.process.poll() is None
    assert first.survivors(within=0) == []
