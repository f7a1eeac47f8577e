"""`jobs api-keys`, as operators type it."""

from __future__ import annotations

import pytest

from demo.stack import Stack
from tests.http_interface.serving import Served, client_of
from tests.starter.commandline import CommandLine


@pytest.fixture
def command_line(stack: Stack, database: str) -> CommandLine:
    return CommandLine({**stack.environment(), "DATABASE_URL": database})


async def _status(served: Served, key: str) -> int:
    async with client_of(served.url, key) as http:
        return (await http.get("/orders/1")).status_code


async def test_a_key_is_made_listed_used_and_revoked(served: Served, command_line: CommandLine) -> None:
    made = await command_line("api-keys", "create", "storefront", "--expires", "90d")
    key = made.out.strip()
    assert made.status == 0
    assert key.startswith("dj_")
    assert await _status(served, key) == 404

    listed = await command_line("api-keys", "list", "--json")
    known = {each["name"]: each for each in listed.document["keys"]}["storefront"]
    assert known["valid"] is True
    assert known["last_used_at"] is not None
    assert known["expires_at"] is not None
    assert key.rpartition("_")[2] not in listed.out
    shown = (await command_line("api-keys", "list")).out
    assert known["id"] in shown
    assert "in 89 d 23 h" in shown

    revoked = await command_line("api-keys", "revoke", known["id"])
    assert (revoked.status, "storefront is revoked" in revoked.out) == (0, True)
    served.app.state.parts.gate._trusted.clear()
    assert await _status(served, key) == 401
    assert "revoked" in (await command_line("api-keys", "list")).out


async def test_scripts_get_one_document(command_line: CommandLine) -> None:
    made = (await command_line("api-keys", "create", "storefront", "--json")).document
    assert made["key"].startswith(f"dj_{made['id']}_")
    assert made["expires_at"] is None
    unknown = await command_line("api-keys", "revoke", "0123456789ab", "--json")
    assert (unknown.status, unknown.document["error"]["type"]) == (1, "NotFound")
    assert (await command_line("api-keys", "revoke", made["id"], "--json")).document["revoked_at"] is not None


@pytest.mark.parametrize("arguments", [("create", "a\nb"), ("create", "a", "--expires", "0s"), ()])
async def test_what_makes_no_sense_is_refused_with_one_line(
    command_line: CommandLine, arguments: tuple[str, ...]
) -> None:
    refused = await command_line("api-keys", *arguments)
    assert (refused.status, refused.err.count("\n"), refused.out) == (2, 1, "")
