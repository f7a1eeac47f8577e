"""The guided tour is true: on a new folder, on one that it was taken on before, and when it is interrupted."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.demo.demo_run import DemoRun, wait_for_child

_STATIONS = (
    "1  An order is placed",
    "2  An order is paid online",
    "3  A mail server that says: try again later",
    "4  A payment provider that is down",
    "5  An address that does not exist",
    "6  Nothing to do",
    "7  The same order twice",
    "8  A card is declined",
    "9  Callbacks that come three times, the last one first",
    "10  A forged callback",
    "11  300 orders at once",
    "12  Three reports",
    "13  What runs by the clock",
    "14  20 jobs die of the same",
    "3  … and its end",
    "4  … and its end",
    "15  Temporal is away",
)
_EXPECTATIONS = 81

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
    assert re.search(r"POST /orders: 202 after \d+ ms, Location: /orders/1401", said)
    assert re.search(r"GET /jobs/order-confirmation/1401: done, \d+ ms", said)
    assert "order-confirmation/1405 failed with RecipientRejected" in said
    assert "order-confirmation/9999 skipped: order-not-found, no mail" in said
    assert "3 times POST /orders made 1 order, 1406; 2 answers say Idempotent-Replayed" in said
    assert "order-confirmation/1406 done; the start from code started nothing" in said
    assert "300 mails in the inbox, none of them doubled" in said
    assert "Refused before: 451, 451" in said
    assert f"✔ {_EXPECTATIONS} of {_EXPECTATIONS} expectations held." in said


def test_the_tour_shows_what_becomes_of_payments(visited: tuple[Path, int, str]) -> None:
    said = visited[2]

    assert re.search(r"payment-callback/evt_\w+ completed, declined: payment-declined", said)
    assert "The provider calls back: captured 202, 202, 202; authorised 202, 202, 202" in said
    assert "The forger calls POST /webhooks/payments: 401; the order is not paid" in said
    assert "Answered before: 503, 503" in said
    for paid in (1402, 1404, 1408, 1409, 1735):
        assert f"Order {paid} is paid" in said
    assert "Order 1407 is not paid" in said


def test_the_tour_shows_that_orders_and_callbacks_are_taken_while_temporal_is_stopped(
    visited: tuple[Path, int, str],
) -> None:
    said = visited[2].partition("15  Temporal is away")[2]

    assert "5 times POST /orders: 5 times 202" in said
    assert "The provider calls POST /webhooks/payments: 202" in said
    assert ": 6 enqueued" in said
    assert "no mail yet" in said
    assert "6 of 6 jobs done" in said
    assert "6 mails in the inbox, none of them doubled" in said


def test_each_station_shows_its_jobs_in_the_web_ui(visited: tuple[Path, int, str]) -> None:
    said = visited[2]

    for order in (*range(1401, 1407), 1408, 1409, 9999, 1045, 1046, 1730, 1735):
        assert re.search(
            rf"http://127\.0\.0\.1:\d+/namespaces/default/workflows/order-confirmation%2F{order}/[0-9a-f-]+/history",
            said,
        )
    # Of the twenty that die one is shown.
    assert re.search(r"/workflows/order-confirmation%2F17[12]\d/[0-9a-f-]+/history", said)
    assert len(set(re.findall(r"/workflows/payment-callback%2Fevt_\w+/", said))) == 7
    assert len(set(re.findall(r"/workflows/payment-notice%2Fpi_\w+%2Fdeclined", said))) == 1


@pytest.fixture(scope="module")
def typed(both: tuple[DemoRun, DemoRun]) -> list[str]:
    """What the lines for curl say when they are typed while the demo stays up: an order, it again, a failed job.

    Made before any test ends the demo, in whatever order they come. Empty where there is no curl.
    """
    staying = both[1]
    variables = staying.says("set -a; . ").strip()
    order = staying.says("$JOBS_API_URL/orders").strip()
    job = staying.says("$JOBS_API_URL/jobs/").strip()
    staying.says("temporal workflow list")
    staying.note()
    if shutil.which("curl") is None:
        return []
    return [
        subprocess.run(["bash", "-c", f"{variables}\n{line}"], capture_output=True, text=True, check=True).stdout
        for line in (order, order, job)
    ]


@pytest.mark.skipif(shutil.which("curl") is None, reason="the lines are for curl, which the project does not install")
def test_the_lines_that_the_tour_shows_for_curl_work_as_they_stand(typed: list[str]) -> None:
    placed, again, failed = typed

    assert placed.startswith("HTTP/1.1 202 ")
    assert "idempotent-replayed: true" in again.lower()
    assert placed.splitlines()[-1] == again.splitlines()[-1]
    assert '"type":"RecipientRejected"' in failed


@pytest.mark.usefixtures("typed")
def test_after_the_tour_ctrl_c_is_the_way_out_and_no_failure(both: tuple[DemoRun, DemoRun]) -> None:
    staying = both[1]

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

    # How many jobs the schedules have started by then is the clock's; at eight a mail reminds of the dead one.
    assert re.search(r" \d+ jobs \(\d+ completed, 21 failed\) and 35[01] mails\.", earlier)
    assert [line for line in again.output.splitlines() if "✘" in line] == []
    # No month is reported twice.
    assert f"✔ {_EXPECTATIONS - 1} of {_EXPECTATIONS - 1} expectations held." in again.output
    assert "/orders/1401" not in again.output
    assert "order-confirmation/1045 " not in again.output
    assert "last lines of" in again.output
    assert again.output.endswith("This part ended, though nobody stopped it: worker.\n")
    assert status == 1
    assert again.survivors() == []
