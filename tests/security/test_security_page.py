"""The page on security names tests that there are."""

from __future__ import annotations

import re

from tests.docs.house import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


def test_each_threat_names_tests_that_there_are() -> None:
    table = PAGE.partition("| --- | --- | --- |\n")[2].partition("\n\n")[0]
    held = [re.findall(r"`(tests/[\w/]+\.py)`", row.rpartition(" | ")[2]) for row in table.splitlines()]

    assert len(held) > 15
    assert [row for row, tests in zip(table.splitlines(), held, strict=True) if not tests] == []
    assert [test for tests in held for test in tests if not (ROOT / test).exists()] == []
