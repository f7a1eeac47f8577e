"""Apprise behind the port: what arrives, what a failure says, and that no secret gets out."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from adapters.alerts import AppriseChannels
from adapters.job_settings import AlertSettings, SecretUrls
from adapters.telemetry.logs import CHATTY
from demo.inbox.reader import InboxReader
from demo.ports import LOOPBACK, free_port
from demo.stack import Stack
from domain.alerts import AlertMessage
from domain.errors import InvalidRequest, OutcomeUnknown, ServiceUnavailable
from tests.alert_receiver import AlertReceiver, Received

MESSAGE = AlertMessage(
    title="3 things & <one> more", text="first\nsecond *line* <b>\n\nthird", reference="alert/payment-event-reused/1"
)
SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What a worker's log would have at its most talkative. (pytest's own hears loggers that keep to themselves.)"""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    levels = {name: logging.getLogger(name).level for name in ("", *CHATTY)}
    for name in levels:
        logging.getLogger(name).setLevel(logging.WARNING if name else logging.DEBUG)
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture
def receiver() -> Iterator[AlertReceiver]:
    with AlertReceiver() as receiver:
        yield receiver


def channels(*urls: str, timeout: float = 20) -> AppriseChannels:
    return AppriseChannels(AlertSettings(urls=SecretUrls(",".join(urls)), timeout=timeout), web_ui="http://ui")


def mailto(stack: Stack, recipient: str = "ops@example.com") -> str:
    return f"mailto://{LOOPBACK}:{stack.ports.smtp}?from=alerts@shop.example.com&to={recipient}"


async def test_a_message_arrives_as_plain_text_with_its_reference_by_mail_and_http(
    stack: Stack, inbox: InboxReader, receiver: AlertReceiver
) -> None:
    [channel] = channels(mailto(stack)).all

    assert await channel.send(MESSAGE) == "accepted"

    [mail] = await inbox.mails()
    opened = await inbox.open(mail.id)
    assert (mail.subject, mail.envelope_to, opened.html) == (MESSAGE.title, ("ops@example.com",), None)
    assert (opened.text or "").replace("\r\n", "\n").strip() == MESSAGE.text
    assert ("Idempotency-Key", MESSAGE.reference) in opened.headers

    [channel] = channels(receiver.url).all
    await channel.send(MESSAGE)
    assert receiver.received == [Received(MESSAGE.title, MESSAGE.text, MESSAGE.reference)]


async def test_a_channel_that_does_not_take_it_is_tried_again_later_and_tells_no_secret(
    stack: Stack, receiver: AlertReceiver, log: io.StringIO
) -> None:
    """One refuses, one is away, one refuses the recipient."""
    receiver.codes = [401]
    away = f"json://ops:kept-secret@127.0.0.1:{free_port()}/kept-token"
    tried = channels(receiver.url, away, mailto(stack, "ops+550@example.com"))

    logging.getLogger("shop").debug("heard")
    said = []
    for channel in tried.all:
        with pytest.raises(ServiceUnavailable) as failed:
            await channel.send(MESSAGE)
        said.append(failed.value.message)

    assert "(it says 401)" in said[0]
    for channel, text in zip(tried.all, said, strict=True):
        assert channel.name in text
    assert "heard" in log.getvalue()
    assert "kept-" not in "".join(said) + log.getvalue()
    assert "example.com" not in "".join(said) + log.getvalue()
    assert receiver.attempts == 1, "retries are the job's"


async def test_a_channel_that_does_not_answer_in_time_may_have_taken_it(receiver: AlertReceiver) -> None:
    receiver.answering.clear()
    [channel] = channels(receiver.url, timeout=0.2).all

    with pytest.raises(OutcomeUnknown, match="ALERT_TIMEOUT"):
        await channel.send(MESSAGE)


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("nonsense://kept-secret", "is no URL that Apprise can use"),
        ("mailto://kept", "is no URL that Apprise can use"),
        ("mailto://127.0.0.1:25?from=a@example.com&to=kept-secret", "is no URL that Apprise can use"),
        ("mailto://127.0.0.1:25?from=a@example.com&to=b@example.com,kept-secret@example.com", "several recipients"),
    ],
)
def test_a_url_that_cannot_work_is_refused_by_its_number_when_it_is_read(url: str, wrong: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        channels(SLACK, url)

    assert refused.value.message.startswith("Number 2 of ALERT_URLS ")
    assert wrong in refused.value.message
    assert "kept" not in refused.value.message


def test_channels_have_names_that_tell_them_apart_hold_no_secret_and_stay_when_a_password_changes() -> None:
    first = channels("json://ops:one@host/a", "json://ops:one@host/b", SLACK, SLACK.replace("kdnl", "lndk"))
    later = channels("json://ops:two@host/a", "json://ops:two@host/b", SLACK, SLACK.replace("kdnl", "lndk"))

    names = [channel.name for channel in first.all]
    assert len(set(names)) == 4
    assert [channel.name for channel in later.all] == names
    assert [name.partition("-")[0] for name in names] == ["json", "json", "slack", "slack"]
    with pytest.raises(InvalidRequest, match="twice"):
        channels(SLACK, SLACK)


async def test_a_check_names_the_channels_and_says_where_there_is_none(receiver: AlertReceiver) -> None:
    assert (await channels(receiver.url).probe()).startswith("json-")
    assert "not sent" in await AppriseChannels(AlertSettings(urls=None), web_ui="http://ui").probe()
    assert receiver.attempts == 0
