"""The guided tour is true, fits on a screen, and leaves nothing running, however and whenever it ends."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psutil
import pytest

from demo.guide import Guide
from demo.tour import expect_all_done
from tests.demo.conftest import survivors

PROJECT = Path(__file__).resolve().parents[2]
STATIONS = (
    "1  An order is placed",
    "2  The mail server is down",
    "3  An address does not exist",
    "4  An order is paid online",
    "5  A report",
    "6  Schedules instead of cron",
    "7  Temporal is stopped while orders come in",
    "8  A worker is killed while it works",
)


class DemoRun:
    """`python -m demo` as a process of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "demo", "--any-ports", "--folder", str(folder), *options],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = ""
        self.everyone: set[psutil.Process] = set()

    def says(self, wanted: str) -> str:
        """Read on until a line holds this; notes who runs then."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line
            if wanted in line:
                self.note()
                return line
        raise AssertionError(f"{wanted!r} never came:\n{self.output}")

    def note(self) -> None:
        self.everyone |= set(psutil.Process(self.process.pid).children(recursive=True))

    def child(self, program: str) -> psutil.Process:
        """One of its processes, once it is there."""
        while True:
            self.note()
            for process in self.everyone:
                try:
                    if any(program in word for word in process.cmdline()[:4]):
                        return process
                except psutil.NoSuchProcess:
                    continue

    def ended(self) -> int:
        """Its exit status. It says that all is stopped: nothing of it gets time to end afterwards."""
        assert self.process.stdout is not None
        self.output += self.process.stdout.read()
        return self.process.wait()


Start = Callable[..., DemoRun]


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    runs: list[DemoRun] = []

    def begin(*options: str) -> DemoRun:
        runs.append(DemoRun(folder / "demo", *options))
        return runs[-1]

    yield begin
    for run in runs:
        run.process.kill()
        run.ended()
        assert run.process.stdout is not None
        run.process.stdout.close()
        survivors(run.everyone)


@pytest.mark.long
def test_the_tour_meets_every_expectation_and_stays_up_until_ctrl_c(start: Start) -> None:
    run = start()
    run.says("Everything stays up")
    commands = [run.says(wanted) for wanted in ("set -a", "jobs list", "jobs start", "temporal workflow list")]
    run.process.send_signal(signal.SIGINT)
    status = run.ended()

    said = run.output
    assert "✘" not in said
    places = [said.index(station) for station in STATIONS]
    assert places == sorted(places)
    assert re.search(r"✔ (\d+) of \1 expectations were met", said)
    assert len(commands) == 4
    assert "Traceback" not in said
    assert status == 0
    assert survivors(run.everyone, within=0) == []
    lines = [line for line in said.splitlines() if "set -a" not in line]
    assert len(lines) <= 60
    assert [line for line in lines if len(line) > 80] == []


@pytest.mark.long
def test_the_next_tour_on_the_folder_is_as_good_and_once_ends_it(start: Start) -> None:
    for _ in range(2):
        run = start("--once", "--verbose")
        status = run.ended()

        assert (status, "✘" in run.output) == (0, False), run.output
    assert len(set(re.findall(r"http://\S+/workflows/(order-confirmation%2F\d+)/\S+/history", run.output))) > 20
    assert re.search(r"http://127\.0\.0\.1:\d+/mails/\d+", run.output)


class GuideAfterTheKill:
    """The jobs of orders 1 to 3 end so; the mails are theirs."""

    def __init__(self, outcomes: Sequence[dict[str, str]], mails: Sequence[str]) -> None:
        self.jobs = {f"/jobs/order-confirmation/{n}": outcome for n, outcome in enumerate(outcomes, 1)}
        self.received = [SimpleNamespace(message_id=each) for each in mails]
        self.display = SimpleNamespace(line=lambda _text: None)
        self.verdicts: list[bool] = []

    async def ended(self, path: str) -> dict[str, Any]:
        return {"state": "completed", "error": None, "outcome": self.jobs[path]}

    async def mails(self, _orders: Sequence[int]) -> list[Any]:
        return self.received

    def expect(self, _text: str, *, met: bool) -> None:
        self.verdicts.append(met)


DONE, SENT = {"outcome": "done"}, {"outcome": "skipped", "reason": "already-confirmed"}


@pytest.mark.parametrize(
    ("outcomes", "mails", "met"),
    [
        ([DONE, SENT, DONE], "abc", True),  # killed after the order was marked
        ([DONE, DONE, DONE], "abbc", True),  # killed after the mail was accepted
        ([DONE, SENT, DONE], "ab", False),
        ([DONE, {"outcome": "skipped", "reason": "no-address"}, DONE], "abc", False),
    ],
)
async def test_whatever_moment_the_worker_is_killed_at_each_order_has_one_mail_and_a_job_that_ended_well(
    outcomes: list[dict[str, str]], mails: str, met: bool
) -> None:
    guide = GuideAfterTheKill(outcomes, mails)

    await expect_all_done(cast("Guide", guide), [1, 2, 3])

    assert guide.verdicts == [met]


def test_the_readme_shows_the_tour() -> None:
    shown = (PROJECT / "README.md").read_text().partition("<!-- tour -->")[2].partition("```\n\n")[0]

    assert [station for station in STATIONS if station not in shown] == []
    assert "✘" not in shown
    assert len(shown.splitlines()) < 60


@pytest.mark.long
def test_a_part_that_dies_is_named_and_a_folder_has_one_demo(start: Start) -> None:
    run = start()
    run.says("Ready after")
    second = start("--once")
    refused = second.ended()

    run.child("bin/temporal").kill()
    status = run.ended()

    assert (refused, status) == (1, 1)
    assert f"already (process {run.process.pid})" in second.output
    assert "last lines of" in run.output
    assert run.output.endswith("This part ended unexpectedly: temporal.\n")
    assert survivors(run.everyone, within=0) == []


def test_a_signal_in_the_middle_of_the_start_stops_what_was_started(start: Start) -> None:
    run = start()
    run.child("initdb")

    run.process.send_signal(signal.SIGTERM)
    status = run.ended()

    assert status == 128 + signal.SIGTERM
    assert survivors(run.everyone, within=0) == []


@pytest.mark.long
def test_when_the_demo_is_killed_nothing_survives(start: Start) -> None:
    run = start()
    run.says("Ready after")
    for program in ("temporal", "postgres", "demo.inbox", "worker.py", "uvicorn"):
        run.child(program)

    run.process.kill()
    run.ended()

    assert survivors(run.everyone) == []
