"""`Jobs` with a client that the application has made for itself."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.client import Client, Interceptor, OutboundInterceptor, StartWorkflowInput, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, PayloadCodec
from temporalio.plugin import SimplePlugin

from demo.stack import Stack
from domain.errors import ServiceUnavailable
from domain.outcomes import Done
from starter import Jobs, OrderConfirmationRequest
from tests.fakes import FakeMail
from tests.starter.plugins import install
from tests.starter.serving import serve
from tests.starter.test_cli_plugins import KIND


class Backwards(PayloadCodec):
    """Stands for encryption."""

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [
            Payload(metadata={"encoding": b"backwards"}, data=payload.SerializeToString()[::-1]) for payload in payloads
        ]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [
            Payload.FromString(payload.data[::-1]) if payload.metadata["encoding"] == b"backwards" else payload
            for payload in payloads
        ]


class Seen(Interceptor):
    """Stands for tracing."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002  # the SDK's name
        seen = self

        class Outbound(OutboundInterceptor):
            async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:  # noqa: A002  # the same
                seen.ids.append(input.id)
                return await super().start_workflow(input)

        return Outbound(next)


async def test_a_client_of_the_applications_own_starts_jobs_with_its_interceptors_and_its_payload_codec(
    stack: Stack, client: Client, order_id: int
) -> None:
    seen, converter = Seen(), replace(DataConverter.default, payload_codec=Backwards())
    own = await Client.connect(
        stack.temporal_address, namespace=client.namespace, interceptors=[seen], data_converter=converter
    )

    jobs = Jobs(own)
    async with serve(jobs.client, order_id, mail=FakeMail(ServiceUnavailable("451 4.3.0 at RCPT TO"))):
        handle = await jobs.start(OrderConfirmationRequest, order_id=order_id)
        outcome = await handle.result()
        status = await handle.status()
        run = await own.get_workflow_handle(handle.id).describe()

    assert outcome == status.outcome == Done(reference=handle.id)
    assert await run.static_summary() == f"Order confirmation {order_id}"
    assert seen.ids == [handle.id]
    assert own.data_converter is converter
    history = await own.get_workflow_handle(handle.id).fetch_history()
    given = history.events[0].workflow_execution_started_event_attributes.input.payloads[0]
    assert given.metadata["encoding"] == b"backwards"


async def test_a_plugin_does_not_bring_its_converter_back(stack: Stack, client: Client, order_id: int) -> None:
    plugin = SimplePlugin("converts", data_converter=pydantic_data_converter)
    own = await Client.connect(stack.temporal_address, namespace=client.namespace, plugins=[plugin])

    jobs = Jobs(own)

    assert jobs.client.data_converter.payload_converter_class is client.data_converter.payload_converter_class
    assert (await jobs.start(OrderConfirmationRequest, order_id=order_id)).started


def test_a_client_that_converts_as_workers_do_is_used_as_it_is(client: Client) -> None:
    assert Jobs(client).client is client


STARTING = """
import asyncio
from datetime import date
from temporalio.client import Client
from digests import SalesDigestRequest
from starter import Jobs
from starter.errors import TemporalUnreachable

async def start():
    client = await Client.connect("127.0.0.1:1", lazy=True)
    try:
        await Jobs(client).start(SalesDigestRequest, shop_id="a", day=date(2026, 1, 31))
    except TemporalUnreachable:
        print("known")

asyncio.run(start())
"""


async def test_kinds_of_installed_packages_are_known_with_it_too(tmp_path: Path) -> None:
    install(tmp_path, KIND)

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", STARTING),
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()

    assert (process.returncode, out) == (0, b"known\n")
