"""Sending a mail once, by the delivery ledger."""

from __future__ import annotations

import asyncio

from domain.errors import TransientError
from domain.mail import Mail
from domain.ports import DeliveryLedger, MailSender

_PAUSES = (0.1, 0.5, 2, 4)
"""Seconds between tries to record an answer: as long as PostgreSQL takes to restart."""


async def record(ledger: DeliveryLedger, key: str, answer: str) -> None:
    """Record a receiver's answer, if need be over some seconds: an attempt that failed here would send again."""
    for pause in _PAUSES:
        try:
            return await ledger.record(key, answer)
        except TransientError:
            await asyncio.sleep(pause)
    return await ledger.record(key, answer)


async def send_claimed(ledger: DeliveryLedger, sender: MailSender, mail: Mail) -> None:
    """Send a mail whose delivery the caller has claimed, and record the answer right after it came.

    Where a kill falls between the receiver's OK and our record of it, the mail goes out again, with the same
    Message-ID.
    """
    await record(ledger, mail.delivery_key, await sender.send(mail))
