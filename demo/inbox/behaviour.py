"""How a recipient's address tells the inbox to misbehave, as real mail servers do.

A tag behind a plus sign in front of the @ (or the whole name) says how: `jana+451x2@example.com`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal

Stage = Literal["recipient", "data", "lost", "cut", "slow"]

CONVENTIONS: tuple[tuple[str, str], ...] = (
    ("+550", "Refuses the recipient for good: 550 5.1.1 <address>: no such user. Any code from 400 to 599 works."),
    ("+451x2", "Refuses the recipient twice with 451, then accepts one mail, and begins anew."),
    ("+data554", "Accepts the recipient, but refuses the mail after its last byte. +data451x2 works as well."),
    ("+lostx1", "Keeps the mail, but breaks the connection before the answer; once. Without x1: always."),
    ("+cutx1", "Breaks the connection before the answer, and does not keep the mail."),
    ("+slow5", "Takes five seconds for the answer to the mail."),
)
"""Tag and what it does, for the page."""

_TEXTS = {
    421: "4.3.2 service shutting down",
    450: "4.2.1 <{}>: mailbox is busy, try again later",
    451: "4.7.1 <{}>: try again later",
    452: "4.2.2 <{}>: mailbox is full, try again later",
    550: "5.1.1 <{}>: no such user",
    552: "5.2.2 <{}>: mailbox is full",
    553: "5.1.3 <{}>: this is not an address",
    554: "5.7.1 <{}>: the message is refused",
}

_TAG = re.compile(r"(?P<stage>data)?(?P<code>[45]\d\d)(?:x(?P<times>\d+))?|(?P<break>lost|cut)(?:x(?P<often>\d+))?")
_SLOW = re.compile(r"slow(?P<seconds>\d{1,3})")


@dataclass(frozen=True)
class Behaviour:
    """One way to misbehave; `times` is None for always."""

    stage: Stage
    code: int = 0
    times: int | None = None
    seconds: int = 0


def behaviours(address: str) -> list[Behaviour]:
    """What an address asks for."""
    found: list[Behaviour] = []
    for tag in address.rpartition("@")[0].split("+"):
        if slow := _SLOW.fullmatch(tag):
            found.append(Behaviour("slow", seconds=int(slow["seconds"])))
        elif match := _TAG.fullmatch(tag):
            if match["break"]:
                often = match["often"]
                found.append(
                    Behaviour("lost" if match["break"] == "lost" else "cut", times=int(often) if often else None)
                )
            else:
                times = match["times"]
                stage: Stage = "data" if match["stage"] else "recipient"
                found.append(Behaviour(stage, int(match["code"]), int(times) if times else None))
    return found


class Script:
    """Remembers how often each address has been refused."""

    def __init__(self) -> None:
        """Nobody has been refused yet."""
        self._done: Counter[tuple[str, Behaviour]] = Counter()

    def due(self, address: str, *stages: Stage) -> Behaviour | None:
        """What the address asks for now at these stages; counted as done."""
        for behaviour in behaviours(address):
            if behaviour.stage not in stages:
                continue
            key = (address, behaviour)
            if behaviour.times is None or self._done[key] < behaviour.times:
                self._done[key] += 1
                return behaviour
            del self._done[key]  # all times are done: this one is let through, the next begins anew
        return None

    def forget(self) -> None:
        """Begin anew for all addresses."""
        self._done.clear()


def answer(code: int, address: str) -> str:
    """The line that a mail server would answer, quoting the address as real ones do."""
    return f"{code} {_TEXTS.get(code, f'{code // 100}.0.0 <{{}}>: refused').format(address)}"
