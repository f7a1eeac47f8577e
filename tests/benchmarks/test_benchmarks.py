"""Every benchmark runs, and ends with its figures as one JSON object. No test asserts how fast anything is."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.worker.worker_process import clean_environment

Figures = dict[str, Any]


def _confirmations(figures: Figures) -> object:
    return (
        figures["mails_sent_twice"] == 0
        and 0 < figures["this_worker"]["events"] <= figures["targets"]["events"]
        and all(figures[side]["jobs_per_second"] * figures[side]["p50_ms"] for side in ("this_worker", "plain_worker"))
    )


def _outbox(figures: Figures) -> object:
    commit = figures["from_the_commit"]
    return figures["mails_sent_twice"] == 0 and all(
        commit[load]["to_start_p50_ms"] < commit[load]["to_mail_p50_ms"] for load in ("idle", "at_50_per_second")
    )


def _callbacks(figures: Figures) -> object:
    return (
        figures["kept"] == [figures["sent"]] * 2 and 0 < figures["receiver"]["p50_ms"] <= figures["receiver"]["p99_ms"]
    )


def _schedules(figures: Figures) -> object:
    return figures["scheduled_mails"]["mails"] > 0


def _dead_letters(figures: Figures) -> object:
    sweep = figures["sweep"]
    recorded = (sweep["first"]["recorded"], sweep["nothing_changed"]["recorded"])
    return recorded == (figures["dead"], 0) and set(figures["commands_s"]) == {"list_50", "list_all_json", "groups"}


def _reports(figures: Figures) -> object:
    return figures["rows"] > 0 and set(figures["memory_mib"]) == {"csv", "parquet"}


CHECKS: dict[str, tuple[Callable[[Figures], object], set[str]]] = {
    "order_confirmation": (
        _confirmations,
        {"throughput_ratio", "p50_ratio", "p50_ratio_at_20_per_second", "cpu_ratio"},
    ),
    "outbox": (_outbox, {"relay/ratio", "from_the_commit/mail_p50_to_plain"}),
    "payment_callbacks": (_callbacks, {"per_second_to_bare", "at_50_per_second/p99_ms"}),
    "schedules": (_schedules, {"scheduled_mails/ratio", "scheduled_mails/dispatched_per_second"}),
    "dead_letters": (_dead_letters, {"redrive/redriven", "redrive/a_second"}),
    "reports": (_reports, {"csv_speed_to_copy", "pdf_seconds"}),
}
"""What must be true of the figures, and which of them must be there, above zero."""


def _at(figures: Figures, path: str) -> Any:
    outer, _, inner = path.partition("/")
    return figures[outer][inner] if inner else figures[outer]


@pytest.mark.long
@pytest.mark.parametrize("name", CHECKS)
async def test_a_benchmark_ends_with_one_json_object_that_has_all_figures(name: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"benchmarks.{name}", "--quick"),
        env=clean_environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()

    last = out.decode().rstrip().rpartition("\n")[2]
    assert last.startswith("{"), out.decode()
    figures = json.loads(last)
    makes_sense, names = CHECKS[name]
    assert process.returncode == (0 if figures["ok"] else 1)
    assert makes_sense(figures), figures
    assert all(_at(figures, path) > 0 for path in names), figures
