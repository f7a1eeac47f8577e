"""An error's class is its retry decision; its docstring is the default message."""

from __future__ import annotations

import inspect

import pytest

from domain import errors
from domain.errors import PERMANENT, JobError, NotFound, PermanentError, RateLimited, describe


def test_the_docstring_is_the_message_unless_one_is_given() -> None:
    assert NotFound().message == "The other side does not know what the request names."
    assert str(RateLimited("429 from the provider")) == "429 from the provider"


def test_every_error_is_on_the_list_of_permanent_ones_if_it_is_and_says_what_to_do() -> None:
    ours = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, JobError)]

    assert sorted(cls.type_name for cls in ours if issubclass(cls, PermanentError)) == PERMANENT
    assert [cls.__name__ for cls in ours if not cls.remedy] == ["JobError"]


def test_an_unforeseen_exception_is_described_by_class_and_place_without_its_text() -> None:
    with pytest.raises(KeyError) as caught:
        dict[str, str]()["Ada Lovelace <ada@example.com>"]

    described = describe(caught.value)

    assert "KeyError in test_errors.py:" in described
    assert "Ada" not in described
