"""However the demo is ended, and whenever, no process is left."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo.demo_run import DemoRun, wait_for_child

_STATUS = {signal.SIGTERM: 143, signal.SIGINT: 130}


@pytest.fixture
def run(folder: Path) -> Iterator[DemoRun]:
    started = DemoRun.start(folder / "demo")
    yield started
    started.clean_up()


@pytest.mark.parametrize("how", list(_STATUS))
def test_a_signal_in_the_middle_of_the_start_stops_what_was_started(run: DemoRun, how: signal.Signals) -> None:
    run.says("Starting Temporal")
    wait_for_child(run, "initdb")

    run.process.send_signal(how)
    status = run.ended()

    assert status == _STATUS[how]
    assert run.survivors() == []


def test_a_signal_in_the_middle_of_the_tour_stops_everything(run: DemoRun) -> None:
    run.says("300 orders at once")
    run.note()
    assert len(run.everyone) > 12  # six programs with their guards, and what PostgreSQL starts

    run.process.terminate()
    status = run.ended()

    assert status == 143
    assert run.survivors() == []
    assert "Traceback" not in run.output


def test_when_the_demo_is_killed_nothing_survives(run: DemoRun) -> None:
    run.says("An order is placed")
    run.note()
    for program in ("temporal", "postgres", "demo.inbox", "demo.payments", "worker.py", "uvicorn"):
        wait_for_child(run, program)

    run.process.kill()
    run.ended()

    assert run.survivors(within=30) == []


def test_a_part_that_dies_in_the_middle_of_the_tour_is_named_and_not_what_came_of_it(run: DemoRun) -> None:
    run.says("300 orders at once")

    wait_for_child(run, "bin/temporal").kill()
    status = run.ended()

    assert status == 1
    assert run.output.endswith("This part ended, though nobody stopped it: temporal.\n")
    assert run.survivors() == []


def test_a_second_demo_on_the_folder_says_who_has_it(run: DemoRun, folder: Path) -> None:
    run.says("Starting Temporal")
    wait_for_child(run, "temporal")

    second = DemoRun.start(folder / "demo", "--once")
    try:
        status = second.ended()
    finally:
        second.clean_up()

    assert status == 1
    assert f"a stack runs on {folder / 'demo'} already (process {run.process.pid})" in second.output
    assert "Stopping everything" not in second.output
