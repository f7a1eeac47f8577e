"""Names that live systems know do not change by accident: the list of them is `wire_names.json`."""

from __future__ import annotations

import pytest

from tests.wire_names import DATABASE, SECTIONS, Names, changes, collected, golden, of_database, unnamed


@pytest.fixture(scope="module")
def now() -> Names:
    return collected()


@pytest.mark.parametrize("section", SECTIONS)
def test_the_code_has_the_names_that_live_systems_know(section: str, now: Names) -> None:
    assert changes(section, golden()[section], now[section]) == []


async def test_the_database_has_the_names_that_live_systems_know(database: str) -> None:
    found = await of_database(database)

    assert [line for section in DATABASE for line in changes(section, golden()[section], found[section])] == []


def test_the_list_is_sorted_and_has_no_other_sections() -> None:
    assert [*golden()] == [*SECTIONS, *DATABASE]
    assert all(names == sorted(set(names)) for names in golden().values())


@pytest.mark.parametrize("section", [*SECTIONS, *DATABASE])
def test_a_changed_name_of_any_section_is_noticed(section: str) -> None:
    names = golden()[section] or ["a name"]

    changed = f"{names[-1]} (changed)"

    gone, new = changes(section, names, [*names[:-1], changed])

    assert f"{names[-1]!r} is gone or changed" in gone
    assert "docs/decisions/" in gone
    assert f"{changed!r} is new" in new


def test_no_name_comes_from_a_class() -> None:
    assert unnamed() == []
