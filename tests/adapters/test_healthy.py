"""The health check that images run."""

from __future__ import annotations

import asyncio
import sys

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from demo.ports import free_port
from tests.docs.house import ROOT, clean_environment
from tests.http_interface.serving import serving


async def ask(*arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "adapters.healthy", *arguments),
        cwd=ROOT,
        # A proxy that nobody is: the process's own endpoints are not behind it.
        env={**clean_environment(), "http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    return process.returncode, out.decode()


async def test_a_process_is_well_where_it_says_so_and_nowhere_else() -> None:
    async def answer(request: Request) -> PlainTextResponse:
        status = int(request.path_params["status"])
        return PlainTextResponse("why\n" * 1000, status)

    async with serving(Starlette(routes=[Route("/{status}", answer)])) as address:
        well, unwell = await asyncio.gather(ask(f"{address}/200"), ask(f"{address}/503"))

    assert well[0] == 0
    assert unwell[0] == 1
    assert unwell[1].startswith("503 why")
    assert len(unwell[1]) < 600  # Docker keeps it


@pytest.mark.parametrize("wrong", [(), ("127.0.0.1:9090",), ("https://127.0.0.1/",)])
async def test_what_is_no_address_is_told(wrong: tuple[str, ...]) -> None:
    status, said = await ask(*wrong)

    assert (status, said[:6]) == (2, "usage:")


async def test_nobody_there_is_not_well() -> None:
    assert await ask(f"http://127.0.0.1:{free_port()}/healthz") == (1, "no answer: ConnectionRefusedError\n")
