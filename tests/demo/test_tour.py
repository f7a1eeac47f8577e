"""The guided tour is true: on a new folder, on one that it was taken on before, and when it is interrupted."""

from __future__ import annotations

import re
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.demo.demo_run import DemoRun, wait_for_child

_STATIONS = (
    "1  A mail is delivered",
    "2  A mail server that says: try again later",
    "3  An address that does not exist",
    "4  Nothing to do",
    "5  The same order twice",
    "6  300 orders at once",
)

Start = Callable[..., DemoRun]


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[DemoRun, DemoRun]]:
    """A demo that ends by itself and one that stays, each on a new folder; both at a time, since they mostly wait."""
    # Not pytest's: see `tests/conftest.py`.
    folder = Path(tempfile.mkdtemp(prefix="demo-"))
    runs = DemoRun.start(folder / "once", "--once"), DemoRun.start(folder / "staying")
    try:
        yield runs
    finally:
        for run in runs:
            run.clean_up()
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def visited(both: tuple[DemoRun, DemoRun]) -> tuple[Path, int, str]:
    """A folder on which the tour was taken once; its exit status, and what it said."""
    status = both[0].ended()
    return both[0].folder, status, both[0].output


@pytest.fixture
def start() -> Iterator[Start]:
    runs: list[DemoRun] = []

    def begin(folder: Path, *options: str) -> DemoRun:
        runs.append(DemoRun.start(folder, *options))
        return runs[-1]

    yield begin
    for run in runs:
        run.clean_up()


def test_the_tour_passes_all_stations_and_every_expectation_holds(visited: tuple[Path, int, str]) -> None:
    _, status, said = visited

    assert status == 0, said
    places = [said.index(station) for station in _STATIONS]
    assert places == sorted(places)
    assert "✘" not in said
    assert re.search(r"order-confirmation/1042 done, \d+ ms", said)
    assert "order-confirmation/1044 failed with RecipientRejected" in said
    assert "order-confirmation/9999 skipped: order-not-found, no mail" in said
    assert "order-confirmation/1047 done; 3 starts made 1 run" in said
    assert "Refused before: 451, 451" in said
    assert "300 mails in the inbox, none of them doubled" in said
    assert "✔ 17 of 17 expectations held." in said


def test_each_station_shows_its_jobs_in_the_web_ui(visited: tuple[Path, int, str]) -> None:
    said = visited[2]

    for order in (1042, 1043, 1044, 9999, 1045, 1046, 1047):
        assert re.search(
            rf"http://127\.0\.0\.1:\d+/namespaces/default/workflows/order-confirmation%2F{order}/[0-9a-f-]+/history",
            said,
        )


def test_after_the_tour_ctrl_c_is_the_way_out_and_no_failure(both: tuple[DemoRun, DemoRun]) -> None:
    staying = both[1]
    staying.says("Everything stays up until Ctrl-C")
    staying.says("temporal workflow list")
    staying.note()

    staying.process.send_signal(signal.SIGINT)
    status = staying.ended()

    assert status == 0
    assert "Traceback" not in staying.output
    assert staying.survivors() == []


def test_on_the_same_folder_the_next_tour_has_orders_of_its_own_and_stays_up_until_a_part_dies(
    visited: tuple[Path, int, str], start: Start
) -> None:
    again = start(visited[0])

    earlier = again.says("Still here from earlier visits")
    again.says("expectations held")
    again.says("temporal workflow list")
    worker = wait_for_child(again, "worker.py")
    worker.send_signal(signal.SIGKILL)
    status = again.ended()

    assert "307 jobs (306 completed, 1 failed) and 303 mails" in earlier
    assert "✔ 17 of 17 expectations held." in again.output
    assert "order-confirmation/1042 " not in again.output
    assert "last lines of" in again.output
    assert again.output.endswith("This part ended, though nobody stopped it: worker.\n")
    assert status == 1
    assert again.survivors() == []
