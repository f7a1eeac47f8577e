"""Failures of the same cause have the same fingerprint, others have not."""

from __future__ import annotations

import pytest

from domain.fingerprints import fingerprint, normalised


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("Order 1042 is gone.", "Order 7 is gone."),
        ("Payment pi_3Nk8x: HTTP 402.", "Payment pi_9Az: HTTP 402."),
        ("Run 01a20de0-57c1-7cc3-bae8-2f0b0ec0fa21 ended.", "Run 550e8400-e29b-41d4-a716-446655440000 ended."),
        ("Key deadbeefdeadbeef expired.", "Key cafebabecafebabe expired."),
        ("No file 'a.csv' there.", "No file 'b b.csv' there."),
        ("It's not there: order 1.", "It's not there: order 22."),
        ("Gone. Redrive: `python -m starter start x --order-id 1`", "Gone. Redrive: `python -m starter start x`"),
        ("Waited 12 s of 0:15:00.", "Waited 9.5 s of 0:15:00."),
        ("Two  lines\nof text.", "Two lines of text."),
    ],
)
def test_what_differs_between_two_jobs_makes_no_other_fingerprint(one: str, another: str) -> None:
    assert normalised(one) == normalised(another)
    assert fingerprint("k", "Gone", "k.send", one) == fingerprint("k", "Gone", "k.send", another)


def test_kind_class_step_and_words_make_another_fingerprint() -> None:
    prints = {
        fingerprint("order-confirmation", "Gone", "order_confirmation.send", "It is gone."),
        fingerprint("payment-notice", "Gone", "order_confirmation.send", "It is gone."),
        fingerprint("order-confirmation", "NotFound", "order_confirmation.send", "It is gone."),
        fingerprint("order-confirmation", "Gone", "order_confirmation.fetch", "It is gone."),
        fingerprint("order-confirmation", "Gone", None, "It is gone."),
        fingerprint("order-confirmation", "Gone", "order_confirmation.send", "It was never there."),
    }
    assert len(prints) == 6


def test_words_stay_readable() -> None:
    assert normalised("The mailbox of order 1042 isn't there, and wasn't.") == (
        "The mailbox of order <id> isn't there, and wasn't."
    )
