"""The commands of the page on encryption work: the codec server as it is started there, with a key made as there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path

import httpx
from google.protobuf.json_format import MessageToJson, Parse
from temporalio.api.common.v1 import Payload, Payloads

from demo.ports import free_port
from starter.encryption import keyring_from, new_key
from tests.docs.house import ROOT
from tests.docs.pages import blocks

PAGE = ROOT / "docs" / "encryption.md"
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'"Ada"')


async def test_the_codec_server_is_started_and_asked_as_the_page_says(database: str) -> None:
    commands = [command for block in blocks(PAGE) if block.language == "console" for command in block.commands]
    serve, api_key = (command.replace(".venv/bin/", f"{Path(sys.executable).parent}/") for command in commands)
    key, port = new_key("2026-11"), free_port()
    environment = os.environ | {"DATABASE_URL": database, "JOBS_ENCRYPTION_KEYS": key}

    async def run(command: str) -> str:
        process = await asyncio.create_subprocess_shell(command, stdout=asyncio.subprocess.PIPE, env=environment)
        out, _ = await process.communicate()
        assert process.returncode == 0
        return out.decode().strip()

    server = await asyncio.create_subprocess_exec(
        *serve.replace("8081", str(port)).split(), env=environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        bearer = {"Authorization": f"Bearer {await run(api_key)}"}
        keys = keyring_from(environment)
        assert keys is not None
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, headers=bearer) as http:
            async with asyncio.timeout(60):
                while True:
                    with contextlib.suppress(httpx.TransportError):
                        asked = MessageToJson(Payloads(payloads=[keys.encrypt(PLAIN)]))
                        answer = await http.post("/decode", content=asked)
                        break
                    await asyncio.sleep(0.2)  # another process, which tells nobody that it serves
        assert list(Parse(answer.text, Payloads()).payloads) == [PLAIN]
    finally:
        server.terminate()
        out, _ = await server.communicate()
    [line] = [line for line in out.decode().splitlines() if "Payloads were converted" in line]
    assert '"by": "ada"' in line
    assert "Ada" not in line
