"""docs/dead-letters.md: its commands work, and its states and moves are those of the code."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections import Counter
from datetime import timedelta

from domain.dead_letters import DeadLetterState, Move
from domain.order_confirmation import OrderConfirmationRequest
from starter import Jobs
from tests.dead_letters.world import World
from tests.docs.house import ROOT, SCRIPTS
from tests.docs.pages import blocks
from tests.starter.commandline import Finished

_PAGE = ROOT / "docs" / "dead-letters.md"


async def test_the_commands_of_the_page_succeed_and_its_jobs_are_done_in_the_end(world: World) -> None:
    """Typed one after the other by an operator whose mails were refused."""
    letters = await world.confirmations([1042, 1044])
    await Jobs(world.client).start(OrderConfirmationRequest(order_id=1100), delay=timedelta(hours=1))
    failed = {}
    for command in (command for block in blocks(_PAGE) for command in block.commands):
        program, *words = shlex.split(command)
        if program == ".venv/bin/temporal" and len(letters) == 2:
            # The ones before it are redriven.
            letters += await world.confirmations([1043])
        if program == ".venv/bin/jobs":
            done = await world.line(*words)
        else:
            assert program == ".venv/bin/temporal"
            process = await asyncio.create_subprocess_exec(
                SCRIPTS / "temporal",
                *words,
                cwd=ROOT,
                env=world.line.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            async with asyncio.timeout(60):
                out, _ = await process.communicate()
            done = Finished(process.returncode or 0, out.decode(), "")
        if done.status:
            failed[command] = done.out + done.err

    assert not failed
    await world.ended_well(letters)
    assert world.mail.received == Counter(letter.workflow_id for letter in letters)
    # The sweep finds what was done with the bare command.
    states = [(await world.now(letter)).state for letter in letters]
    assert states == [DeadLetterState.redriven, DeadLetterState.redriven, DeadLetterState.open]


def test_the_page_has_the_states_and_moves_of_the_code() -> None:
    page = _PAGE.read_text(encoding="utf-8")
    states = re.findall(r"^\| `(\w+)` \| [^|]+ \|$", page, re.MULTILINE)
    assert states == [*DeadLetterState]
    _, *moves = re.findall(r"^\| (\w[\w ]*) \| ([\w, ]+) \| (\w+) \| [^|]+ \|$", page, re.MULTILINE)
    assert [(name, set(sources.split(", ")), target) for name, sources, target in moves] == [
        (move.name.replace("_", " "), set(move.sources), move.target) for move in Move
    ]
    assert {block.language for block in blocks(_PAGE)} == {"console"}
