"""However a call of the provider goes wrong, it ends in time and in an error that is tried again."""

from __future__ import annotations

import asyncio
import ssl

import pytest
import stripe
import trustme

from adapters.payments.api import API_VERSION
from demo.payments.provider import API_KEY
from demo.ports import free_port
from demo.stack import Stack
from domain.errors import ConnectionBroken, InvalidRequest, JobError, NetworkTimeout, ServiceUnavailable, TransientError
from tests.adapters.payments.conftest import MakePayments
from tests.payment_provider import ProviderController

JSON = "application/json"


@pytest.fixture
async def payment_id(provider: ProviderController) -> str:
    return (await provider.begin(1042, 100)).id


@pytest.mark.parametrize(
    ("kind", "limits", "error", "message"),
    [
        ("hang", {"answer_timeout": 0.3}, NetworkTimeout, "no answer in time"),
        ("hang", {"call_timeout": 0.3}, NetworkTimeout, "no answer .* within 0.3 s"),
        # Each byte is in time, the whole is not.
        ("drip", {"answer_timeout": 5, "call_timeout": 0.3}, NetworkTimeout, "within 0.3 s"),
        ("cut", {}, ConnectionBroken, "broke before its answer"),
        ("lost", {}, ConnectionBroken, "broke before its answer"),
        ("cut-midway", {}, ConnectionBroken, "broke before its answer"),
        ("endless", {}, ServiceUnavailable, "longer than 8388608 bytes"),
    ],
)
async def test_a_call_that_goes_wrong_is_tried_again(
    make_payments: MakePayments,
    provider: ProviderController,
    payment_id: str,
    kind: str,
    limits: dict[str, float],
    error: type[JobError],
    message: str,
) -> None:
    payments = make_payments(**limits)
    await provider.misbehave(kind, seconds=0.05)  # type: ignore[arg-type]  # one of its kinds

    with pytest.raises(error, match=message) as caught:
        await payments.get(payment_id)

    assert isinstance(caught.value, TransientError)
    assert caught.value.__cause__ is None
    # What went wrong with one call does not go wrong with the next.
    assert (await payments.get(payment_id)).id == payment_id


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"body": "{", "content_type": JSON}, "that is no JSON object"),
        ({"body": "[" * 100_000, "content_type": JSON}, "that is no JSON object"),
        ({"body": "{}", "content_type": JSON}, "without a usable amount, amount_received, currency, id, latest_charge"),
        ({"body": "<html>Sign in</html>", "content_type": "text/html"}, "not plain JSON: check PAYMENT_URL"),
        ({"body": "{}", "content_type": JSON, "headers": {"Content-Encoding": "gzip"}}, "not plain JSON"),
    ],
)
async def test_an_answer_that_makes_no_sense_is_tried_again(
    make_payments: MakePayments,
    provider: ProviderController,
    payment_id: str,
    answer: dict[str, object],
    message: str,
) -> None:
    payments = make_payments()
    await provider.misbehave("answer", status=200, **answer)

    with pytest.raises(ServiceUnavailable, match=message):
        await payments.get(payment_id)
    assert (await payments.get(payment_id)).id == payment_id


async def test_an_answer_about_another_payment_is_not_taken(
    make_payments: MakePayments, provider: ProviderController, payment_id: str
) -> None:
    payments = make_payments()
    other = (await provider.begin(1043, 200)).id
    body = '{{"object": "payment_intent", "id": "{}", "status": "processing", "amount": 200, "amount_received": 0,'
    body += ' "currency": "eur", "metadata": {{}}, "latest_charge": null}}'
    await provider.misbehave("answer", status=200, body=body.format(other))
    await provider.misbehave("answer", status=200, body=body.format(payment_id))

    with pytest.raises(ServiceUnavailable, match="about another one"):
        await payments.get(payment_id)
    assert (await payments.get(payment_id)).amount == 200


async def test_a_certificate_of_an_unknown_authority_is_not_trusted(
    make_payments: MakePayments, payment_id: str
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read())
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        payments = make_payments(url=f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")

        with pytest.raises(ServiceUnavailable, match=r"certificate cannot be verified \(X.509 error \d+\)"):
            await payments.get(payment_id)
    assert not any(heard)


async def test_a_call_names_the_interface_that_it_reads_and_takes_nothing_compressed(
    make_payments: MakePayments, payment_id: str
) -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mock"
        with pytest.raises(ConnectionBroken):
            await make_payments(url=url).get(payment_id)

    lines = heard[0].decode("ascii").split("\r\n")
    assert lines[0] == f"GET /mock/v1/payment_intents/{payment_id}?expand%5B%5D=latest_charge HTTP/1.1"
    assert {f"Stripe-Version: {API_VERSION}", "Accept-Encoding: identity", f"Authorization: Bearer {API_KEY}"} <= {
        *lines
    }
    assert stripe.api_version == API_VERSION


async def test_a_call_waits_for_a_free_connection_only_so_long(
    make_payments: MakePayments, provider: ProviderController, payment_id: str
) -> None:
    payments = make_payments(connections=1, wait_timeout=0.2)
    await provider.misbehave("hang", payment_id=payment_id)
    other = (await provider.begin(1043, 200)).id
    hanging = asyncio.create_task(payments.get(payment_id))
    while not await provider.calls():  # noqa: ASYNC110  # the provider tells nobody by itself
        await asyncio.sleep(0)

    with pytest.raises(ServiceUnavailable, match="none of 1 connections to the payment provider became free"):
        await payments.get(other)

    # What is cancelled gives its connection back.
    hanging.cancel()
    await asyncio.wait({hanging})
    assert (await payments.get(other)).id == other


async def test_a_proxy_is_the_way_to_other_machines(
    make_payments: MakePayments, payment_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")

    with pytest.raises(ConnectionBroken, match="ECONNREFUSED"):
        await make_payments(url="https://provider.example.com").get(payment_id)


async def test_a_proxy_that_cannot_be_used_is_told_at_the_start(
    make_payments: MakePayments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "gopher://user:s3cret@127.0.0.1")

    with pytest.raises(InvalidRequest, match="HTTPS_PROXY") as caught:
        make_payments(url="https://provider.example.com")
    assert "s3cret" not in str(caught.value)


async def test_the_probe_tells_where_the_provider_is(make_payments: MakePayments, stack: Stack) -> None:
    told = await make_payments().probe()

    assert told.startswith(f"payment provider at 127.0.0.1:{stack.ports.payments}, test mode")
