"""Reports: `python -m benchmarks.reports`.

How much memory an export of five million order lines needs, and of one million; how fast it is, against PostgreSQL's
own `COPY` of the same join to a file; and how long the PDF of a month of 50,000 orders takes. Each is a process of its
own on the same database, all in one run on one machine; what is compared is measured in turns.

The last line is a JSON object with the figures; `ok` tells whether all targets are reached.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.db.migrate import upgrade
from benchmarks import report_orders
from benchmarks.measuring import main, say
from benchmarks.report_process import report_of
from demo.ports import free_port
from demo.postgres import PROGRAMS, Postgres
from domain.report_generation import ReportName

TARGETS = {
    "memory_mib": 300,
    "memory_of_five_times_the_rows": 1.15,
    "csv_speed_to_copy": 0.5,
    "pdf_seconds": 3,
}

_COPY = """
    COPY (
        SELECT o.id, o.placed_at, o.customer_id, c.name, o.currency, o.total, o.payment, o.paid_at,
            i.position, i.name, i.quantity, i.unit_price, i.quantity * i.unit_price
        FROM orders o JOIN customers c ON c.id = o.customer_id JOIN order_items i ON i.order_id = o.id
        WHERE o.placed_at >= '{since}' AND o.placed_at < '{until}'
    ) TO STDOUT (FORMAT csv, HEADER)
"""


@dataclass(frozen=True)
class Extent:
    """How much is measured: lines of the year, and rounds."""

    lines: int
    rounds: int


FULL = Extent(lines=5_000_000, rounds=3)
QUICK = Extent(lines=200_000, rounds=1)


@dataclass(frozen=True)
class Ground:
    """A database, and a folder for what is made."""

    server: Postgres
    folder: Path

    def make(self, way: str, form: str, period: str) -> dict[str, float]:
        """Make a report in a process of its own; see `benchmarks/report_process.py`."""
        with tempfile.TemporaryDirectory(dir=self.folder) as place:
            done = subprocess.run(  # noqa: S603  # our own module
                [sys.executable, "-m", "benchmarks.report_process", way, form, period, place],
                env={**self.server.environment(), "DATABASE_URL": self.server.url},
                capture_output=True,
                check=False,
                text=True,
            )
        if done.returncode:
            raise RuntimeError(f"{way} {form} {period} failed: {done.stderr[-2000:]}")
        figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        say(f"{way} {form} {period}", figures)
        return figures

    def copy(self, period: str) -> float:
        """Seconds that PostgreSQL and psql take to write the same join into a file."""
        since, until = report_of(ReportName.orders_export, "csv", period).request.span.bounds("UTC")
        statement = _COPY.format(since=since.isoformat(), until=until.isoformat())
        began = time.perf_counter()
        with tempfile.TemporaryFile(dir=self.folder) as file:
            subprocess.run(  # noqa: S603  # the wheel's program
                [PROGRAMS / "psql", "-X", "-v", "ON_ERROR_STOP=1", "-d", self.server.url, "-c", statement],
                env=self.server.environment(),
                stdout=file,
                check=True,
            )
        took = time.perf_counter() - began
        say(f"COPY {period}", f"{took:.2f} s")
        return took


async def run(extent: Extent, folder: Path) -> dict[str, Any]:
    """Measure; returns the figures."""
    server = Postgres(folder / "data", port=free_port(), log=folder / "postgres.log")
    server.start()
    try:
        await upgrade(server.url)
        await report_orders.fill(server.url, extent.lines)
        return _measure(Ground(server, folder), extent)
    finally:
        server.stop()


def _measure(on: Ground, extent: Extent) -> dict[str, Any]:
    year, january = report_orders.YEAR, report_orders.JANUARY
    copied: list[float] = []
    exported: list[dict[str, float]] = []
    for _ in range(extent.rounds):
        copied.append(on.copy(year))
        exported.append(on.make("in-parts", "csv", year))
    columns = on.make("in-parts", "parquet", year)
    fifth = {form: on.make("in-parts", form, january) for form in ("csv", "parquet")}
    pdfs = [on.make("drawn", "pdf", report_orders.DECEMBER)["seconds"] for _ in range(extent.rounds)]

    memory = {"csv": max(each["memory_mib"] for each in exported), "parquet": columns["memory_mib"]}
    growth = {form: round(memory[form] / fifth[form]["memory_mib"], 3) for form in memory}
    ratios = [round(plain / ours["seconds"], 3) for plain, ours in zip(copied, exported, strict=True)]
    speed, pdf = statistics.median(ratios), statistics.median(pdfs)
    right = {each["rows"] for each in [*exported, columns]} == {extent.lines}
    return {
        "rows": exported[0]["rows"],
        "csv_seconds": [each["seconds"] for each in exported],
        "copy_seconds": [round(each, 2) for each in copied],
        "csv_speed_to_copy": speed,
        "csv_speed_to_copy_by_round": ratios,
        "parquet_seconds": columns["seconds"],
        "memory_mib": memory,
        "memory_mib_of_a_fifth": {form: each["memory_mib"] for form, each in fifth.items()},
        "memory_of_five_times_the_rows": growth,
        "pdf_seconds": pdf,
        "targets": TARGETS,
        "ok": right
        and max(memory.values()) < TARGETS["memory_mib"]
        and max(growth.values()) < TARGETS["memory_of_five_times_the_rows"]
        and speed >= TARGETS["csv_speed_to_copy"]
        and pdf < TARGETS["pdf_seconds"],
    }


if __name__ == "__main__":
    main(__doc__, run, full=FULL, quick=QUICK)
