from __future__ import annotations

import traceback

import pytest

from domain.errors import (
    JobError,
    MessageRejected,
    OutcomeUnknown,
    RecipientRejected,
    ServiceUnavailable,
)
from tests.adapters.email.conftest import Post
from tests.smtp_server import ACCEPT, Phase, Reply, SmtpServer


@pytest.mark.parametrize(
    ("phase", "code", "expected", "message"),
    [
        (Phase.greeting, 554, MessageRejected, "554 at connecting"),
        (Phase.ehlo, 550, MessageRejected, "550 at EHLO"),
        (Phase.mail, 421, ServiceUnavailable, "421 at MAIL FROM"),
        (Phase.rcpt, 450, ServiceUnavailable, "450 at RCPT TO"),
        (Phase.rcpt, 550, RecipientRejected, "550 at RCPT TO"),
        (Phase.data, 451, ServiceUnavailable, "451 at DATA"),
        (Phase.data, 250, ServiceUnavailable, "an answer that makes no sense at DATA"),
        (Phase.dot, 421, ServiceUnavailable, "421 at the final dot"),
        (Phase.dot, 554, MessageRejected, "554 at the final dot"),
        (Phase.dot, 354, OutcomeUnknown, "an answer that makes no sense at the final dot"),
    ],
)
async def test_an_answer_is_told_by_its_code_and_phase_and_the_next_mail_goes_out(
    phase: Phase, code: int, expected: type[JobError], message: str, server: SmtpServer, post: Post
) -> None:
    server.script(phase, [Reply(code, "no mail\nfor alice@example.com\ntoday")])
    sender = post.sender(server)

    with pytest.raises(JobError) as caught:
        await sender.send(post.mail())
    await sender.send(post.mail())

    assert type(caught.value) is expected
    assert caught.value.message == message
    # Nor does the server's text hang on the error otherwise: history keeps causes too.
    assert "alice" not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__cause__ is None
    assert len(server.mails) == 1


@pytest.mark.parametrize("phase", [Phase.mail, Phase.rcpt, Phase.data, Phase.dot])
@pytest.mark.parametrize("code", [450, 550])
async def test_a_connection_whose_server_said_no_is_used_again_after_it_was_reset(
    phase: Phase, code: int, server: SmtpServer, post: Post
) -> None:
    server.script(phase, [ACCEPT, Reply(code, "no"), Reply(code, "no")])
    sender = post.sender(server)

    for _ in range(4):
        try:
            await sender.send(post.mail())
        except JobError:
            continue

    assert (len(server.mails), server.connections) == (2, 1)


async def test_a_connection_that_cannot_be_reset_is_not_used_again(server: SmtpServer, post: Post) -> None:
    server.script("alice@example.com", [Reply(550, "5.1.1 unknown")])
    server.script(Phase.rset, [Reply(500, "5.5.1 what?")])
    sender = post.sender(server)

    with pytest.raises(RecipientRejected):
        await sender.send(post.mail())
    await sender.send(post.mail())

    assert (len(server.mails), server.connections) == (1, 2)


async def test_an_acceptance_other_than_250_is_an_acceptance(server: SmtpServer, post: Post) -> None:
    server.script("alice@example.com", [Reply(251, "2.1.5 will forward")])
    server.script(Phase.dot, [Reply(252, "2.0.0 fine")])

    assert await post.sender(server).send(post.mail()) == "252 2.0.0"
