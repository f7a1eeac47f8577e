"""Rules of the page on job design that no other test holds."""

from __future__ import annotations

import pytest

from domain.policies import POLICIES
from domain.requests import JobRequest
from tests.docs.house import ROOT


def test_a_request_cannot_hold_a_list_of_ids() -> None:
    with pytest.raises(TypeError, match="holds ids, dates and choices only"):

        class NewsletterRequest(JobRequest):
            customer_ids: list[int]


def test_the_page_names_the_first_waits_of_every_policy_that_doubles() -> None:
    page = (ROOT / "docs" / "job-design.md").read_text(encoding="utf-8")
    told = [5, 10, 20]
    assert "Waits double: 5 s, 10 s, 20 s." in page

    for policy in POLICIES:
        if policy.name != "webhook":
            seconds = [wait.total_seconds() for wait in policy.waits[:3]]
            assert seconds == told[: len(seconds)], policy.name
