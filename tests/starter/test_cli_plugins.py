"""Kinds of job that another package registers: they appear everywhere, and a broken one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.starter.commandline import CommandLine
from tests.starter.plugins import install

KIND = '''
from datetime import date
from typing import Literal

from temporalio import activity, workflow

with workflow.unsafe.imports_passed_through():
    from domain.outcomes import Done, Outcome
    from domain.policies import WEBHOOK
    from domain.requests import EntityId, JobRequest, ShortText
    from pydantic import Field, model_validator
    from workflows import steps
    from workflows.registry import Kind


class SalesDigestRequest(JobRequest):
    """Send [bold] figures to a shop."""

    shop_id: ShortText
    day: date = Field(description="Day of the figures.")
    form: Literal["pdf", "xlsx"] = "pdf"
    level: Literal[1, 2] = 1
    draft: bool = False
    priority: EntityId | None = None

    @model_validator(mode="after")
    def _drafts_are_pdf(self):
        if self.draft and self.form != "pdf":
            raise ValueError("a draft is always pdf")
        return self


class Activities:
    @activity.defn(name="sales_digest.send")
    async def send(self, request: SalesDigestRequest) -> None:
        """Can run twice: it does nothing."""


@workflow.defn
class SalesDigest:
    @workflow.run
    async def run(self, request: SalesDigestRequest) -> Outcome:
        await steps.run(Activities.send, request)
        return Done()


ROW = Kind(SalesDigestRequest, SalesDigest, Activities, "digests", WEBHOOK, restart_after_failure=True)
'''


def _install(folder: Path, code: str) -> CommandLine:
    """A package with this code and an entry point, on the path of the command line."""
    install(folder, code)
    return CommandLine({"PYTHONPATH": str(folder), "TEMPORAL_ADDRESS": "127.0.0.1:1"})


async def test_a_kind_of_another_package_has_its_command_with_options_from_its_fields(tmp_path: Path) -> None:
    done = await _install(tmp_path, KIND)("start", "sales-digest", "--help")

    assert "Send [bold] figures to a shop." in done.out
    assert "Shop id: text of 1 to 255 characters without white space or slashes." in done.out
    assert "Day of the figures: a date such as 2026-01-31." in done.out
    assert "Form: one of pdf, xlsx." in done.out
    assert "--draft" in done.out
    assert "--job-priority" in done.out  # --priority is the command's own


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--shop-id", "a/b"], "--shop-id: must be text of 1 to 255 characters without white space or slashes"),
        (["--day", "soon"], "--day: must be a date such as 2026-01-31, not 'soon'"),
        (["--form", "doc"], "--form: must be one of pdf, xlsx, not 'doc'"),
        (["--level", "3"], "--level: must be one of 1, 2, not '3'"),
        (["--job-priority", "-1"], "--job-priority: must be a whole number from 1, not '-1'"),
        (["--draft", "--form", "xlsx"], "a draft is always pdf"),
    ],
)
async def test_wrong_values_of_its_fields_are_told_plainly(tmp_path: Path, options: list[str], complaint: str) -> None:
    right = {"--shop-id": "a", "--day": "2026-01-31"}
    rest = [word for pair in right.items() if pair[0] not in options for word in pair]

    done = await _install(tmp_path, KIND)("start", "sales-digest", *rest, *options)

    assert (done.status, done.err.count("\n")) == (2, 1)
    assert complaint in done.err


async def test_right_values_get_as_far_as_temporal(tmp_path: Path) -> None:
    done = await _install(tmp_path, KIND)(
        *("start", "sales-digest", "--shop-id", "a", "--day", "2026-01-31", "--level", "2", "--no-draft")
    )

    assert done.status == 1
    assert "Temporal does not answer at 127.0.0.1:1" in done.err


async def test_its_search_attributes_are_filters_of_the_list(tmp_path: Path) -> None:
    done = await _install(tmp_path, KIND)("list", "--help")

    assert "With this ShopId." in done.out


async def test_it_stands_in_the_table_of_kinds(tmp_path: Path) -> None:
    done = await _install(tmp_path, KIND)("kinds", "--json")

    [row] = [row for row in done.document if row["kind"] == "sales-digest"]
    assert row["restart"] == "any new start"
    assert row["waits"][0] == "5–10 s"  # noqa: RUF001  # as it is printed
    assert row["waits"][-3:] == ["14 h – 1 d 4 h", "20 h – 1 d 16 h", "1–2 d"]  # noqa: RUF001  # as it is printed


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("import no_such_module\n", "ModuleNotFoundError"),
        ("ROW = 'a string'\n", "it is no workflows.registry.Kind"),
        ("", "AttributeError"),
        (
            KIND.replace('"digests", WEBHOOK', '"Digests!", WEBHOOK'),
            "queue 'Digests!' is not of the form",
        ),
    ],
)
async def test_a_broken_package_is_named_by_its_entry_point(tmp_path: Path, code: str, cause: str) -> None:
    done = await _install(tmp_path, code)("kinds", "--json")

    assert done.status == 1
    assert done.document["error"]["type"] == "RegistryError"
    assert "entry point digests = digests:ROW of shop-digests: " in done.err
    assert cause in done.err
    assert "Traceback" not in done.err
