from __future__ import annotations

from typing import Any

import pytest

from domain.errors import ConnectionBroken, JobError, NetworkTimeout, OutcomeUnknown, ServiceUnavailable
from tests.adapters.email.conftest import Post
from tests.smtp_server import ACCEPT, Drop, Hang, Phase, Reply, SmtpServer

BEFORE_THE_DOT = [Phase.greeting, Phase.ehlo, Phase.mail, Phase.rcpt, Phase.data]
HUGE = "x" * 70 + "\n"


@pytest.mark.parametrize("phase", BEFORE_THE_DOT)
async def test_a_connection_that_breaks_before_the_text_is_broken(phase: Phase, server: SmtpServer, post: Post) -> None:
    server.script(phase, [Drop()])
    sender = post.sender(server)

    with pytest.raises(ConnectionBroken):
        await sender.send(post.mail())
    await sender.send(post.mail())

    assert len(server.mails) == 1


async def test_a_connection_that_breaks_within_the_text_is_broken_and_the_mail_is_not_accepted(post: Post) -> None:
    async with SmtpServer(receive_buffer=4096) as server:
        server.script("alice@example.com", [Drop(at=Phase.body, after=100_000)])
        sender = post.sender(server)

        with pytest.raises(ConnectionBroken):
            await sender.send(post.mail(text=HUGE * 200_000))
        assert server.mails == []

        await sender.send(post.mail(text=HUGE * 20_000))
        assert len(server.mails) == 1
        assert server.violations == []


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("step", [Drop, Hang])
async def test_no_answer_after_the_final_dot_leaves_the_outcome_unknown(
    step: type[Drop | Hang], accepted: bool, server: SmtpServer, post: Post
) -> None:
    server.script("alice@example.com", [step(at=Phase.dot, accepted=accepted)])
    sender = post.sender(server, data_timeout=0.3)

    with pytest.raises(OutcomeUnknown):
        await sender.send(post.mail())
    assert len(server.mails) == accepted

    await sender.send(post.mail())


@pytest.mark.parametrize("phase", BEFORE_THE_DOT)
async def test_a_server_that_does_not_answer_in_time_is_given_up(phase: Phase, server: SmtpServer, post: Post) -> None:
    server.script(phase, [Hang()])
    hurried: dict[str, Any] = {"connect_timeout": 0.3} if phase is Phase.greeting else {"command_timeout": 0.3}
    sender = post.sender(server, **hurried)

    with pytest.raises(NetworkTimeout):
        await sender.send(post.mail())
    await server.until(lambda: server.open == 0)
    await sender.send(post.mail())

    assert len(server.mails) == 1


async def test_all_that_makes_a_connection_ready_shares_one_limit(server: SmtpServer, post: Post) -> None:
    server.script(Phase.ehlo, [Hang()])

    with pytest.raises(NetworkTimeout, match="EHLO"):
        await post.sender(server, connect_timeout=0.3, command_timeout=10_000).send(post.mail())


async def test_a_probe_that_is_not_answered_is_given_up(server: SmtpServer, post: Post) -> None:
    server.script(Phase.noop, [Hang(), Reply(451, "4.3.0 later")])
    sender = post.sender(server, command_timeout=0.3)

    with pytest.raises(NetworkTimeout, match="NOOP"):
        await sender.probe()
    with pytest.raises(ServiceUnavailable, match=r"^451 4\.3\.0 at NOOP$"):
        await sender.probe()


async def test_a_server_that_stops_taking_the_text_is_given_up(post: Post) -> None:
    async with SmtpServer(receive_buffer=4096) as server:
        server.script("alice@example.com", [Hang(at=Phase.body)])
        sender = post.sender(server, command_timeout=0.5)

        with pytest.raises(NetworkTimeout):
            await sender.send(post.mail(text=HUGE * 200_000))

        assert server.mails == []


async def test_a_server_that_is_down_cannot_be_connected_to(server: SmtpServer, post: Post) -> None:
    sender = post.sender(server)
    await server.stop()

    with pytest.raises(ConnectionBroken, match="ECONNREFUSED"):
        await sender.send(post.mail())

    await server.start(server.port)
    await sender.send(post.mail())


async def test_a_name_that_does_not_resolve_is_said_to_be_one(post: Post) -> None:
    server = SmtpServer()
    server.host, server.port = "smtp.invalid", 25

    with pytest.raises(ConnectionBroken, match="SMTP_HOST"):
        await post.sender(server).send(post.mail())


@pytest.mark.parametrize("farewell", [True, False])
async def test_a_kept_connection_that_the_server_closed_costs_no_attempt(
    farewell: bool, server: SmtpServer, post: Post
) -> None:
    sender = post.sender(server)
    await sender.send(post.mail())
    await server.close_idle(farewell=farewell)

    await sender.send(post.mail())

    assert (len(server.mails), server.connections) == (2, 2)


@pytest.mark.parametrize("step", [Drop(), Reply(421, "4.3.2 shutting down")])
async def test_a_kept_connection_that_proves_dead_at_mail_from_is_replaced_once(
    step: Drop | Reply, server: SmtpServer, post: Post
) -> None:
    server.script(Phase.mail, [ACCEPT, step, ACCEPT, step, step])
    sender = post.sender(server)
    await sender.send(post.mail())

    await sender.send(post.mail())
    with pytest.raises((ConnectionBroken, ServiceUnavailable)):
        await sender.send(post.mail())

    assert (len(server.mails), server.connections) == (2, 3)


@pytest.mark.parametrize("phase", [Phase.rcpt, Phase.data, Phase.dot])
async def test_a_kept_connection_that_breaks_later_costs_the_attempt(
    phase: Phase, server: SmtpServer, post: Post
) -> None:
    sender = post.sender(server)
    await sender.send(post.mail())
    server.script("alice@example.com", [Drop(at=phase)])

    with pytest.raises(JobError):
        await sender.send(post.mail())

    assert server.connections == 1
