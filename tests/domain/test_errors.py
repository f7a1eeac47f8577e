import gc

import pytest

from domain.errors import (
    JobError,
    NotFound,
    PermanentError,
    RateLimited,
    RecipientRejected,
    TransientError,
    describe,
    permanent_error_types,
)


def test_the_docstring_is_the_message_unless_one_is_given() -> None:
    assert NotFound().message == "The other side does not know what the request names."
    assert str(RateLimited("429 from the provider")) == "429 from the provider"


def test_permanent_error_types_are_the_names_of_all_permanent_leaves() -> None:
    names = permanent_error_types()

    assert {"InvalidRequest", "AuthenticationFailed", "NotFound", "RecipientRejected", "PermanentError"} <= set(names)
    assert not {"RateLimited", "ServiceUnavailable", "NetworkTimeout", "JobError", "TransientError"} & set(names)
    assert names == sorted(names)


def test_a_permanent_error_of_another_package_is_permanent_too() -> None:
    leaf = type("SubscriptionEnded", (RecipientRejected,), {"__doc__": "The subscription ended."})

    assert "SubscriptionEnded" in permanent_error_types()

    del leaf
    gc.collect()


def test_every_error_that_can_end_a_job_says_what_to_do() -> None:
    def family(cls: type[JobError]) -> list[type[JobError]]:
        return [cls, *(leaf for child in cls.__subclasses__() for leaf in family(child))]

    for cls in [*family(TransientError), *family(PermanentError)]:
        assert cls.remedy, cls.__name__


def test_an_unforeseen_exception_is_described_by_class_and_place_without_its_text() -> None:
    with pytest.raises(KeyError) as caught:
        dict[str, str]()["Ada Lovelace <ada@example.com>"]

    described = describe(caught.value)

    assert "KeyError in test_errors.py:" in described
    assert "Ada" not in described
