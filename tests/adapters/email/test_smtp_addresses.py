from __future__ import annotations

import pytest

from adapters.email.addresses import UnusableAddress, parse_address


@pytest.mark.parametrize(
    "text",
    [
        "alice@example.com",
        "a..b.@docomo.example",
        '"two words"@example.com',
        '"a@b \\" c"@example.com',
        "root@localhost",
        "alice@[IPv6:2001:db8::1]",
        "alice@xn--mller-kva.example",
    ],
)
def test_an_ascii_address_is_spelled_as_it_is_for_any_server(text: str) -> None:
    address = parse_address(text)

    assert address.is_ascii
    assert address.spelled(smtputf8=False) == text
    assert address.spelled(smtputf8=True) == text


def test_a_domain_beyond_ascii_has_a_spelling_for_any_server() -> None:
    address = parse_address("alice@müller.example")

    assert not address.is_ascii
    assert address.spelled(smtputf8=True) == "alice@müller.example"
    assert address.spelled(smtputf8=False) == "alice@xn--mller-kva.example"


def test_a_local_part_beyond_ascii_has_no_spelling_without_smtputf8() -> None:
    address = parse_address("jürgen@müller.example")

    assert address.spelled(smtputf8=True) == "jürgen@müller.example"
    assert address.spelled(smtputf8=False) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice",
        "alice@example.com\r\nRCPT TO:<eve@example.com>",
        "<alice@example.com>",
        "Alice <alice@example.com>",
        "alice@example.com, eve@example.com",
        "jürgen\r\n@example.com",
        "alice@-.example",
        "a" * 65 + "@example.com",
    ],
)
def test_what_is_no_single_bare_address_is_unusable(text: str) -> None:
    with pytest.raises(UnusableAddress):
        parse_address(text)
