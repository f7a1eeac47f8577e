from __future__ import annotations

import asyncio
import contextlib
from itertools import repeat

import pytest

from domain.errors import ConnectionBroken, ServiceUnavailable
from tests.adapters.email.conftest import Post
from tests.smtp_server import ACCEPT, Drop, Hang, Phase, SmtpServer


async def test_mails_at_once_share_no_more_connections_than_allowed(server: SmtpServer, post: Post) -> None:
    sender = post.sender(server, connections=3)
    await asyncio.gather(*(sender.send(post.mail()) for _ in range(30)))

    assert len(server.mails) == 30
    assert (server.connections, server.peak) == (3, 3)


async def test_a_connection_carries_no_more_mails_than_allowed(server: SmtpServer, post: Post) -> None:
    sender = post.sender(server, mails_per_connection=3)
    for _ in range(7):
        await sender.send(post.mail())

    assert [mail.connection for mail in server.mails] == [1, 1, 1, 2, 2, 2, 3]
    await server.until(lambda: server.open == 1)
    assert server.verbs().count("QUIT") == 2


async def test_a_connection_without_work_is_closed_though_no_mail_comes(server: SmtpServer, post: Post) -> None:
    sender = post.sender(server, idle_limit=0.05)
    await asyncio.gather(*(sender.send(post.mail()) for _ in range(4)))

    await server.until(lambda: server.open == 0)
    await sender.send(post.mail())

    assert len(server.mails) == 5


async def test_where_no_connection_becomes_free_in_time_the_mail_is_tried_later(server: SmtpServer, post: Post) -> None:
    server.script("slow@example.com", [Hang()])
    sender = post.sender(server, connections=1, wait_timeout=0.05)
    slow = asyncio.create_task(sender.send(post.mail("slow@example.com")))
    await server.until(lambda: "RCPT" in server.verbs())

    with pytest.raises(ServiceUnavailable, match="none of 1 connections"):
        await sender.send(post.mail())

    slow.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await slow
    await sender.send(post.mail())


async def test_mails_that_wait_are_sent_in_the_order_in_which_they_came(server: SmtpServer, post: Post) -> None:
    sender = post.sender(server, connections=2)
    recipients = [f"customer{number}@example.com" for number in range(12)]

    await asyncio.gather(*(sender.send(post.mail(recipient)) for recipient in recipients))

    for connection in (1, 2):
        sent = [recipients.index(mail.recipients[0]) for mail in server.mails if mail.connection == connection]
        assert sent == sorted(sent)
        assert len(sent) > 1


@pytest.mark.parametrize("phase", [Phase.greeting, Phase.ehlo, Phase.mail, Phase.rcpt, Phase.data, Phase.dot])
async def test_a_send_that_is_cancelled_leaves_no_connection_behind_and_frees_its_place(
    phase: Phase, server: SmtpServer, post: Post
) -> None:
    server.script(phase, [Hang()])
    sender = post.sender(server, connections=1)
    task = asyncio.create_task(sender.send(post.mail()))
    await server.until(lambda: phase in server.reached)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await server.until(lambda: server.open == 0)
    await sender.send(post.mail())

    assert (len(server.mails), server.connections) == (1, 2)


async def test_a_connection_that_cannot_be_opened_takes_no_place_away(server: SmtpServer, post: Post) -> None:
    sender = post.sender(server, connections=2, wait_timeout=1)
    server.script(Phase.ehlo, [*repeat(Drop(), 5), ACCEPT, ACCEPT])

    for _ in range(5):
        with pytest.raises(ConnectionBroken):
            await sender.send(post.mail())
    await asyncio.gather(*(sender.send(post.mail()) for _ in range(4)))

    assert len(server.mails) == 4


async def test_closing_the_sender_says_goodbye_and_closes_what_is_in_use_when_it_comes_back(
    server: SmtpServer, post: Post
) -> None:
    sender = post.sender(server)
    await asyncio.gather(*(sender.send(post.mail()) for _ in range(2)))
    last = asyncio.create_task(sender.send(post.mail()))
    await server.until(lambda: server.verbs().count("MAIL") == 3)

    await sender.aclose()
    await last
    await server.until(lambda: server.open == 0)

    assert len(server.mails) == 3
    assert server.verbs().count("QUIT") == 2
    with pytest.raises(ConnectionBroken):
        await sender.send(post.mail())
