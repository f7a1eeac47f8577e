"""Sends mail over SMTP: the `MailSender` that workers use."""

from __future__ import annotations

import asyncio
import ssl

from adapters.email.addresses import MailAddress, UnusableAddress, parse_address
from adapters.email.connection import Envelope, SmtpConnection
from adapters.email.message import Mailbox, compose
from adapters.email.pool import ConnectionPool
from adapters.settings import MailSettings, SmtpSecurity, SmtpSettings
from domain.errors import MessageRejected, RecipientRejected
from domain.mail import Mail, message_id


class SmtpMailSender:
    """Sends each mail over one of a few kept connections.

    Belongs to one event loop; connects when the first mail is there. `course.longest_send` tells how long a send can
    take at most.
    """

    def __init__(self, smtp: SmtpSettings, mail: MailSettings) -> None:
        """Read the certificate authorities; connect to nothing. Raises OSError where `SMTP_CA_FILE` can't be read."""
        self._smtp = smtp
        self._mail = mail
        self._sender = parse_address(mail.from_address)
        self._reply_to = parse_address(mail.reply_to) if mail.reply_to else None
        self._tls = None if smtp.security is SmtpSecurity.plain else _tls_context(smtp.ca_file)
        self._pool = ConnectionPool(smtp, lambda: SmtpConnection.open(smtp, self._tls))

    async def send(self, mail: Mail) -> str:
        """Send one mail; returns the codes of the server's acceptance, `250 2.0.0`.

        A kept connection that the server has closed meanwhile costs no attempt: the mail goes over a new one.

        Raises `RecipientRejected`, `MessageRejected`, `AuthenticationFailed` (permanent); `RateLimited`,
        `ServiceUnavailable`, `NetworkTimeout`, `ConnectionBroken`, `OutcomeUnknown` (transient).
        """
        try:
            recipient = parse_address(mail.recipient)
        except UnusableAddress:
            raise RecipientRejected("the recipient's address is none that mail could be sent to") from None
        return await self._pool.run(lambda connection: self._transmit(connection, recipient, mail))

    async def probe(self) -> str:
        """Tell whether the server is ready for mail: connect and log in where no connection is kept, then ask it.

        Returns the codes of its answer. Raises what `send` raises.
        """
        return str(await self._pool.run(SmtpConnection.noop))

    async def aclose(self) -> None:
        """Close the kept connections, and those in use as soon as their mail is done. From now on no mail is sent."""
        self._pool.close()
        await asyncio.sleep(0)  # sockets are closed in the event loop's next round

    async def _transmit(self, connection: SmtpConnection, recipient: MailAddress, mail: Mail) -> str:
        # Composed only now, since it depends on what this connection's server can take.
        smtputf8 = connection.smtputf8 and not self._all_ascii(recipient)
        to = recipient.spelled(smtputf8=smtputf8)
        if to is None:
            raise RecipientRejected("the recipient's address needs SMTPUTF8, which the mail server does not offer")
        sender = self._sender.spelled(smtputf8=smtputf8)
        reply_to = self._reply_to.spelled(smtputf8=smtputf8) if self._reply_to else ""
        if sender is None or reply_to is None:
            raise MessageRejected(
                "MAIL_FROM_ADDRESS or MAIL_REPLY_TO needs SMTPUTF8, which the mail server does not offer"
            )
        message = compose(
            mail.content,
            sender=Mailbox(self._mail.from_name, sender),
            recipient=Mailbox(mail.recipient_name, to),
            reply_to=reply_to,
            message_id=message_id(mail.delivery_key, self._sender.ascii_domain),
            eight_bit=connection.eight_bit,
        )
        envelope = Envelope(sender, to, smtputf8=smtputf8, eight_bit=connection.eight_bit and not message.isascii())
        return str(await connection.transmit(envelope, message))

    def _all_ascii(self, recipient: MailAddress) -> bool:
        return all(address.is_ascii for address in (self._sender, self._reply_to, recipient) if address is not None)


def _tls_context(ca_file: str | None) -> ssl.SSLContext:
    """The system's certificate authorities, and those of the file beside them."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context
