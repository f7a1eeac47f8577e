"""The commands of the page on dead letters, typed one after the other by an operator whose mails were refused."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

from domain.dead_letters import LetterState
from domain.order_confirmation import OrderConfirmationRequest
from starter import Jobs
from tests.dead_letters.redriving.ground import Ground
from tests.docs.house import ROOT, SCRIPTS
from tests.docs.pages import blocks

_PAGE = ROOT / "docs" / "dead-letters.md"


def test_every_block_of_the_page_is_a_console() -> None:
    assert {block.language for block in blocks(_PAGE)} == {"console"}
    assert all(line.startswith("$ ") for block in blocks(_PAGE) for line in block.text.splitlines())


async def test_the_commands_succeed_and_the_jobs_are_done_in_the_end(ground: Ground) -> None:
    letters = await ground.confirmations([1042, 1044])
    await Jobs(ground.client).start(OrderConfirmationRequest(order_id=1100), delay=timedelta(hours=1))
    failed = {}
    for command in (command for block in blocks(_PAGE) for command in block.commands):
        ground.mail.mended = ground.mail.mended or "--yes" in command
        if "temporal workflow list" in command and len(letters) == 2:
            # Those before it are redriven.
            ground.mail.mended = False
            letters += await ground.confirmations([1043])
            ground.mail.mended = True
        process = await asyncio.create_subprocess_exec(
            *("bash", "-c", command.replace(".venv/bin/", f"{SCRIPTS}/")),
            cwd=ROOT,
            env=ground.line.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(60):
            out, _ = await process.communicate()
        if process.returncode:
            failed[command] = out.decode()

    assert not failed
    await ground.ended_well(letters)
    assert ground.mail.received == Counter(f"order-confirmation/{order_id}" for order_id in (1042, 1043, 1044))
    states = [(await ground.now(letter)).state for letter in letters]
    # What was done with the bare command, the sweep finds.
    assert states == [LetterState.redriven, LetterState.redriven, LetterState.open]
