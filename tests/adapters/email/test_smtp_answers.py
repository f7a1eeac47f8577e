from __future__ import annotations

import pytest
from aiosmtplib import SMTPResponse

from adapters.email.answers import Phase, broken, read_answer, refusal, timed_out
from domain.errors import (
    AuthenticationFailed,
    ConnectionBroken,
    JobError,
    MessageRejected,
    NetworkTimeout,
    OutcomeUnknown,
    RateLimited,
    RecipientRejected,
    ServiceUnavailable,
)

ANYWHERE = [Phase.connect, Phase.ehlo, Phase.mail, Phase.rcpt, Phase.data, Phase.dot]


def error(answer: str, phase: Phase) -> JobError:
    return refusal(read_answer(SMTPResponse(int(answer[:3]), answer[4:])), phase)


UNAVAILABLE = ("421 4.3.2 closing", "450 4.2.0 greylisted", "451 4.3.0 disk", "451", "452 4.3.1 full", "454 4.7.0 TLS")
RATE = ("421 4.7.0 too many", "450 4.2.1 too fast", "451 4.7.650 throttled", "452 4.5.3 many", "451 4.4.5 x")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [*((answer, ServiceUnavailable) for answer in UNAVAILABLE), *((answer, RateLimited) for answer in RATE)],
)
def test_a_4xx_is_about_rate_if_its_enhanced_code_says_so_but_not_at_starttls_and_auth(
    answer: str, expected: type[JobError]
) -> None:
    assert {type(error(answer, phase)) for phase in ANYWHERE} == {expected}
    assert {type(error(answer, phase)) for phase in (Phase.starttls, Phase.auth)} == {ServiceUnavailable}


@pytest.mark.parametrize(
    ("answer", "phase", "expected"),
    [
        ("550 5.1.1 unknown", Phase.rcpt, RecipientRejected),
        ("552 5.2.2 full", Phase.rcpt, RecipientRejected),
        ("550 5.7.1 not you", Phase.mail, MessageRejected),
        ("554 5.5.1 no", Phase.data, MessageRejected),
        ("554 5.7.1 spam", Phase.dot, MessageRejected),
        ("554 no service", Phase.connect, MessageRejected),
        ("502 what", Phase.ehlo, MessageRejected),
        ("535 5.7.8 wrong", Phase.auth, AuthenticationFailed),
        ("504 unknown", Phase.auth, AuthenticationFailed),
        ("530 5.7.0 first", Phase.mail, AuthenticationFailed),
        ("530 5.7.0 first", Phase.rcpt, AuthenticationFailed),
    ],
)
def test_a_5xx_is_permanent_and_named_after_where_it_came(answer: str, phase: Phase, expected: type[JobError]) -> None:
    assert type(error(answer, phase)) is expected


@pytest.mark.parametrize("text", ["5.1.1 unknown", "4.2", "1.2.3 alice", "4.2.1alice", "queued as 4.2.1"])
def test_what_only_looks_like_an_enhanced_code_of_this_answer_is_left_out(text: str) -> None:
    assert str(read_answer(SMTPResponse(450, text))) == "450"


def test_only_what_happens_after_the_final_dot_leaves_the_outcome_unknown() -> None:
    for phase in Phase:
        assert type(timed_out(phase)) is (OutcomeUnknown if phase is Phase.dot else NetworkTimeout)
        assert type(broken(phase)) is (OutcomeUnknown if phase is Phase.dot else ConnectionBroken)
    for code in (-1, 150, 354, 600):  # makes no sense
        answer = read_answer(SMTPResponse(code, "alice@example.com"))
        assert type(refusal(answer, Phase.rcpt)) is ServiceUnavailable
        assert type(refusal(answer, Phase.dot)) is OutcomeUnknown
