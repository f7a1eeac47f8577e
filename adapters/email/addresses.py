"""Mail addresses, as they can be spelled to a server that offers SMTPUTF8 and to one that doesn't."""

from __future__ import annotations

import re
from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

# More lenient than RFC 5321 about dots, since mailboxes like `a..b.@docomo.ne.jp` exist, and the server is the judge.
# Strict about what would end the address on a command line or in a header.
_ATOM = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
_QUOTED = r'"(?:[ !#-\[\]-~]|\\[ -~]){1,62}"'
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?"
_LITERAL = r"\[[0-9A-Fa-f:.IPv]{2,64}\]"
_ASCII = re.compile(f"(?P<local>{_ATOM}|{_QUOTED})@(?P<domain>{_NAME}|{_LITERAL})")


class UnusableAddress(ValueError):
    """The text is no mail address. Says nothing about it, since addresses are personal data."""


@dataclass(frozen=True)
class MailAddress:
    """A mailbox. `ascii_domain` is the domain as DNS has it (IDNA A-labels)."""

    local: str
    domain: str
    ascii_domain: str

    @property
    def is_ascii(self) -> bool:
        """Whether any server can take it as it is."""
        return self.local.isascii() and self.domain.isascii()

    def spelled(self, *, smtputf8: bool) -> str | None:
        """The address on the wire; None where only SMTPUTF8 could carry it and the server doesn't offer that."""
        if smtputf8:
            return f"{self.local}@{self.domain}"
        return f"{self.local}@{self.ascii_domain}" if self.local.isascii() else None


def parse_address(text: str) -> MailAddress:
    """Take an address apart. Raises UnusableAddress."""
    if found := _ASCII.fullmatch(text):
        return MailAddress(local=found["local"], domain=found["domain"], ascii_domain=found["domain"])
    if text.isascii():
        raise UnusableAddress
    try:
        valid = validate_email(text, allow_smtputf8=True, allow_quoted_local=True, check_deliverability=False)
    except EmailNotValidError:
        raise UnusableAddress from None
    return MailAddress(local=valid.local_part, domain=valid.domain, ascii_domain=valid.ascii_domain)
