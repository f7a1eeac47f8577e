"""Kinds of job that another package registers: they appear everywhere, and a broken one is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer

from domain.requests import JobRequest
from starter.cli.fields import field_options, make_request
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


async def test_a_kind_of_another_package_is_in_the_help_the_list_and_the_table(tmp_path: Path) -> None:
    command_line = _install(tmp_path, KIND)
    done = await command_line("start", "sales-digest", "--help")
    list_help = await command_line("list", "--help")
    [row] = [row for row in (await command_line("kinds", "--json")).document if row["kind"] == "sales-digest"]

    assert "Send [bold] figures to a shop." in done.out
    assert "Shop id: text of 1 to 255 characters without white space or slashes." in done.out
    assert "Day of the figures: a date such as 2026-01-31." in done.out
    assert "Form: one of pdf, xlsx." in done.out
    assert "--draft" in done.out
    assert "--job-priority" in done.out  # --priority is the command's own
    assert "With this ShopId." in list_help.out
    assert row["restart"] == "any new start"
    assert row["waits"][0] == "5–10 s"  # noqa: RUF001  # as it is printed
    assert row["waits"][-3:] == ["14 h – 1 d 4 h", "20 h – 1 d 16 h", "1–2 d"]  # noqa: RUF001  # as it is printed


@pytest.fixture(scope="module")
def request_class() -> type[JobRequest]:
    names: dict[str, Any] = {"__name__": "digests"}
    exec(compile(KIND, "digests", "exec", dont_inherit=True), names)  # noqa: S102  # the code above
    return names["SalesDigestRequest"]  # type: ignore[no-any-return]  # the names of that code are not typed


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"shop_id": "a/b"}, "must be text of 1 to 255 characters without white space or slashes"),
        ({"day": "soon"}, "must be a date such as 2026-01-31, not 'soon'"),
        ({"form": "doc"}, "must be one of pdf, xlsx, not 'doc'"),
        ({"level": "3"}, "must be one of 1, 2, not '3'"),
        ({"priority": "-1"}, "must be a whole number from 1, not '-1'"),
        ({"draft": True, "form": "xlsx"}, "a draft is always pdf"),
    ],
)
def test_wrong_values_of_its_fields_are_told_plainly(
    request_class: type[JobRequest], values: dict[str, Any], complaint: str
) -> None:
    options = field_options(request_class)
    given = {f"field_{name}": None for name in request_class.model_fields}
    given |= {f"field_{name}": value for name, value in {"shop_id": "a", "day": "2026-01-31", **values}.items()}

    with pytest.raises(typer.BadParameter, match=complaint):
        make_request(request_class, options, given)


async def test_right_values_get_as_far_as_temporal(tmp_path: Path) -> None:
    done = await _install(tmp_path, KIND)(
        *("start", "sales-digest", "--shop-id", "a", "--day", "2026-01-31", "--level", "2", "--no-draft")
    )

    assert done.status == 1
    assert "Temporal does not answer at 127.0.0.1:1" in done.err


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("import no_such_module\n", "ModuleNotFoundError"),
        ("ROW = 'a string'\n", "it is no Kind"),
    ],
)
async def test_a_broken_package_is_named_by_its_entry_point(tmp_path: Path, code: str, cause: str) -> None:
    done = await _install(tmp_path, code)("kinds", "--json")

    assert (done.status, done.document["error"]["type"]) == (1, "RegistryError")
    assert "entry point digests = digests:ROW of shop-digests: " in done.err
    assert cause in done.err
    assert "Traceback" not in done.err
