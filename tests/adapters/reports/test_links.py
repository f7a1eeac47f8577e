"""A link is good for one report and for a time, and nobody else can make one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from adapters.reports.links import SignedLinks
from adapters.settings import ReportSettings
from domain.errors import AuthenticationFailed

REPORT = UUID("5f0c7a52-6f2e-4f4f-9a35-0f6c1f0f7c11")
OLD, NEW = "the old secret of links", "the new secret of links"


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def links_by(*secrets: str, clock: Clock | None = None) -> SignedLinks:
    settings = ReportSettings(link_secrets=SecretStr(",".join(secrets)), url="https://shop.example.com/api/")
    return SignedLinks(settings, clock=clock or Clock())


def token_of(link: str) -> str:
    [token] = parse_qs(urlsplit(link).query)["token"]
    return token


def test_a_link_leads_to_the_reports_file_and_is_known_until_it_ends() -> None:
    clock = Clock()
    links = links_by(NEW, clock=clock)
    link, ends = links.link(REPORT), links.expires_at()
    assert link.startswith(f"https://shop.example.com/api/reports/{REPORT}/file?token=")
    assert ends == datetime.fromtimestamp(clock.now, UTC) + timedelta(days=7)
    clock.now = ends.timestamp() - 1
    assert links.check(token_of(link)) == REPORT
    clock.now = ends.timestamp()
    assert links.check(token_of(link)) is None


def test_secrets_are_changed_without_a_gap() -> None:
    before = token_of(links_by(OLD).link(REPORT))
    changing = links_by(NEW, OLD)
    assert changing.check(before) == REPORT
    after = token_of(changing.link(REPORT))
    assert links_by(NEW).check(after) == REPORT  # the first signs
    assert links_by(NEW).check(before) is None


@pytest.mark.parametrize("secrets", [None, SecretStr(""), SecretStr(" , ")])
def test_without_a_secret_no_link_is_made_nor_known(secrets: SecretStr | None) -> None:
    links = SignedLinks(ReportSettings(link_secrets=secrets))
    with pytest.raises(AuthenticationFailed, match="REPORTS_LINK_SECRETS is empty"):
        links.link(REPORT)
    assert links.check(token_of(links_by(NEW).link(REPORT))) is None


@given(st.text(max_size=400) | st.text("abcXYZ019-_.=", max_size=400))
def test_whatever_else_is_sent_is_not_known(text: str) -> None:
    assert links_by(NEW).check(text) is None


def test_each_changed_character_is_noticed() -> None:
    links = links_by(NEW)
    token = token_of(links.link(REPORT))
    # The last one has bits that count for nothing.
    for place in range(len(token) - 1):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert links.check(changed) is None


@pytest.mark.parametrize("payload", [None, 1, "x", [], [REPORT.hex], [1, 2], [REPORT.hex, "2"], ["x", 2**40], {"a": 1}])
def test_what_is_signed_by_us_and_no_link_is_not_known(payload: object) -> None:
    links = links_by(NEW)
    signer = links._serializer  # nobody else can sign
    assert signer is not None
    assert links.check(str(signer.dumps(payload))) is None


def test_secrets_that_could_be_guessed_and_addresses_that_could_be_overheard_are_refused() -> None:
    with pytest.raises(ValidationError, match="16 characters or more"):
        ReportSettings(link_secrets=SecretStr(f"{NEW},short"))
    with pytest.raises(ValidationError, match="https://"):
        ReportSettings(url="http://shop.example.com")
