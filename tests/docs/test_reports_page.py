"""What docs/reports.md says of reports and their formats, and its commands."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import insert

from adapters.db.engine import make_engine
from adapters.db.report_tables import staff
from adapters.settings import DatabaseSettings
from demo.inbox.reader import InboxReader
from domain.periods import Period
from domain.report_generation import OFFERED
from tests.docs.house import ROOT, run, typed
from tests.docs.pages import commands
from tests.docs.test_pages import rows
from tests.worker.worker_process import WorkerProcess

PAGE = ROOT / "docs" / "reports.md"


def test_the_table_of_reports_and_formats_is_the_codes() -> None:
    told = {name.strip("`"): formats for name, _, formats in rows(PAGE, "Which there are")}

    assert {name: {word.lower() for word in re.findall(r"[A-Z]\w+", formats)} for name, formats in told.items()} == {
        str(name): {str(each) for each in formats} for name, formats in OFFERED.items()
    }


def test_the_periods_of_the_page_are_some() -> None:
    [named] = re.findall(r"366 days \((.*?)\), in the time zone", PAGE.read_text(encoding="utf-8"), re.DOTALL)

    assert len([Period.parse(text) for text in re.findall(r"`(.+?)`", named)]) == 5


@pytest.mark.timeout(240)
async def test_the_commands_of_the_page_succeed(
    environment: dict[str, str], inbox: InboxReader, tmp_path: Path
) -> None:
    engine = make_engine(DatabaseSettings(url=SecretStr(environment["DATABASE_URL"])), pooled=False)
    async with engine.begin() as connection:
        member = {"id": 1, "name": "Ada", "email": "ada@office.test", "locale": "en_GB"}
        await connection.execute(insert(staff).values(member))
    await engine.dispose()
    variables = {**environment, "REPORTS_STORE": str(tmp_path)}
    worker = await WorkerProcess.start(variables)
    try:
        ended = [await run(ROOT, "bash", "-c", typed(command), environment=variables) for command in commands(PAGE)]
        async with asyncio.timeout(30):
            while not await inbox.mails("ada@office.test"):  # noqa: ASYNC110  # an inbox tells nobody by itself
                await asyncio.sleep(0.1)
    finally:
        await worker.end()

    assert [(status, "Done: files/" in text) for status, text in ended] == [(0, True), (0, True), (0, False)]
    assert "completed" in ended[2][1]
