"""The demo's own programs, which run beside the stack: ports, settings, and the visitor's API key."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import SecretStr

from adapters.db.api_keys import SqlApiKeys
from adapters.db.engine import make_engine
from adapters.settings import DatabaseSettings
from demo import beside
from demo.api_key import visitors_key
from demo.ports import LOOPBACK, free_port
from domain.api_keys import id_in

_SERVE = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
print(sorted(name for name in os.environ if name.startswith(("TEMPORAL_", "API_", "OWN_"))), flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


class Program(beside.ProgramPart):
    """Tells which settings it has got."""

    name: ClassVar[str] = "program"

    def command(self) -> list[str]:
        return [sys.executable, "-c", _SERVE, str(self.port)]

    def own_settings(self) -> dict[str, str]:
        return {"OWN_SETTING": "1"}


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program has."""
    with socket.create_server((LOOPBACK, port := free_port())):
        yield port


def test_a_program_whose_port_is_taken_gets_another_one_and_says_so(folder: Path, taken: int) -> None:
    said: list[str] = []

    program = beside.start(lambda port: Program({}, port=port, log=folder / "log"), taken, say=said.append)
    program.stop()

    assert program.port != taken
    assert said == [f"Port {taken} (program) is taken by another program; using {program.port}."]


def test_a_program_gets_the_demos_settings_and_none_that_are_for_another_system(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_API_KEY", "of another system")
    monkeypatch.setenv("API_BODY_LIMIT", "1")
    settings = {"TEMPORAL_ADDRESS": "127.0.0.1:1"}

    program = beside.start(lambda port: Program(settings, port=port, log=folder / "log"), 0, any_port=True)
    program.stop()

    assert (folder / "log").read_text().splitlines()[0] == str(
        ["OWN_SETTING", "TEMPORAL_ADDRESS", "TEMPORAL_CONFIG_FILE"]
    )


async def test_the_visitors_key_is_kept_until_somebody_revokes_it(database: str, folder: Path) -> None:
    first = await visitors_key(database, folder)
    again = await visitors_key(database, folder)
    engine = make_engine(DatabaseSettings(url=SecretStr(database)), pooled=False)
    await SqlApiKeys(engine).revoke(id_in(first) or "")
    await engine.dispose()

    after = await visitors_key(database, folder)

    assert first == again != after
    assert (folder / "api-key").read_text().strip() == after
    assert (folder / "api-key").stat().st_mode & 0o777 == 0o600
