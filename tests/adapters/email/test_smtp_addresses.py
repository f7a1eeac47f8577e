from __future__ import annotations

import pytest

from adapters.email.addresses import UnusableAddress, parse_address

ASCII = (
    *("alice@example.com", "a..b.@docomo.example", '"two words"@example.com', '"a@b \\" c"@example.com'),
    *("root@localhost", "alice@[IPv6:2001:db8::1]", "alice@xn--mller-kva.example"),
)
NONE = (
    *("", "alice", "<alice@example.com>", "Alice <alice@example.com>", "alice@example.com, eve@example.com"),
    *("alice@example.com\r\nRCPT TO:<eve@example.com>", "jürgen\r\n@example.com", "alice@-.example"),
    "a" * 65 + "@example.com",
)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        *((text, text) for text in ASCII),
        ("alice@müller.example", "alice@xn--mller-kva.example"),
        ("jürgen@müller.example", None),
    ],
)
def test_an_address_is_spelled_as_the_server_can_take_it(text: str, plain: str | None) -> None:
    address = parse_address(text)

    assert address.is_ascii == text.isascii()
    assert (address.spelled(smtputf8=True), address.spelled(smtputf8=False)) == (text, plain)


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_single_bare_address_is_unusable(text: str) -> None:
    with pytest.raises(UnusableAddress):
        parse_address(text)
