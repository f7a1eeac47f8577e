"""docs/deploying.md and docs/limits.md: their commands, and the example of a change that live jobs survive."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from domain.policies import NOTIFICATION
from tests.docs.house import PYTHON_HERE, ROOT, copy_with_tests, failures, run
from tests.docs.pages import blocks, commands
from tests.worker.worker_process import WorkerProcess
from workflows.kinds import Kind
from workflows.registry import registry

pytestmark = pytest.mark.long

DEPLOYING = ROOT / "docs" / "deploying.md"
LIMITS = ROOT / "docs" / "limits.md"
STEP = "        confirmation = await steps.run(Activities.confirm, request)\n"
HISTORIES = Path("tests", "histories", "order-confirmation")


def snippet(title: str) -> str:
    [block] = [block for block in blocks(DEPLOYING) if block.text.startswith(f"# {title}\n")]
    return block.text.split("\n", 1)[1]


class House:
    """A copy of the project whose workflow can be changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = copy_with_tests(folder)
        self._workflow = self.folder / "workflows" / "order_confirmation.py"
        self._before = self._workflow.read_text(encoding="utf-8")
        assert STEP in self._before

    def change(self, code: str) -> None:
        """Put this in front of the workflow's step."""
        lines = "".join(f"        {line}\n" for line in code.splitlines())
        self._workflow.write_text(self._before.replace(STEP, lines + STEP), encoding="utf-8")

    async def broken(self, *histories: Path) -> set[Path]:
        """Which of these the code would break."""
        status, said = await self._run("starter", "replay", "--json", *map(str, histories))
        told = [Path(each["source"]) for each in json.loads(said)["broken"]]
        assert status == bool(told)
        return {each for each in histories if any(found.is_relative_to(each) for found in told)}

    async def record(self, name: str) -> Path:
        """The history of a job of the code as it is now."""
        # The recorder and what it needs of the tests come along; only this history is written.
        for folder in (ROOT / "tests").glob("*.py"):
            shutil.copy(folder, self.folder / "tests" / folder.name)
        status, said = await self._run("tests.histories.record", "order-confirmation", "done-at-once")
        assert status == 0, said
        kept = self.folder / f"{name}.json"
        shutil.copy(self.folder / HISTORIES / "done-at-once.json", kept)
        shutil.copy(ROOT / HISTORIES / "done-at-once.json", self.folder / HISTORIES / "done-at-once.json")
        return kept

    async def _run(self, *module: str) -> tuple[int, str]:
        return await run(self.folder, *PYTHON_HERE, *module)


async def test_the_change_breaks_live_jobs_without_its_patch_and_none_with_it(tmp_path: Path) -> None:
    house = House(tmp_path)

    house.change(snippet("changed without a patch"))
    assert await house.broken(HISTORIES) == {HISTORIES}

    house.change(snippet("changed with a patch"))
    patched = await house.record("patched")
    assert await house.broken(HISTORIES, patched) == set()

    # Too early for jobs that began before: those without the marker.
    house.change(snippet("once no older job is left"))
    deprecated = await house.record("deprecated")
    assert await house.broken(HISTORIES, patched, deprecated) == {HISTORIES}

    # In the end nothing is left of it but the change; too early for jobs with the first kind of marker.
    house.change(snippet("changed without a patch"))
    assert await house.broken(patched, deprecated) == {patched}


def test_the_row_with_earlier_names_is_one() -> None:
    row = registry.get("order-confirmation")
    names = {
        "Kind": Kind,
        "OrderConfirmationRequest": row.request,
        "OrderConfirmation": row.workflow,
        "OrderConfirmationActivities": row.activities,
        "NOTIFICATION": NOTIFICATION,
    }

    made = eval(snippet("a row with earlier names"), names)  # noqa: S307  # our own page

    assert made.aliases == ("order-mail",)
    assert "serves_from" in snippet("at the top of a migration that only adds")


async def test_the_commands_of_the_pages_succeed_in_their_order(environment: dict[str, str]) -> None:
    deployment = environment | {"WORKER_DEPLOYMENT_NAME": "shop"}
    workers = [
        await WorkerProcess.start(deployment | {"WORKER_BUILD_ID": version}, "--queues", "notifications")
        for version in ("1.4.0", "1.5.0")
    ]
    try:
        for worker in workers:
            await worker.says("This version gets no jobs yet")
        failed = await failures([*commands(DEPLOYING), *commands(LIMITS)], environment)
    finally:
        await asyncio.gather(*(worker.end() for worker in workers))

    assert not failed
