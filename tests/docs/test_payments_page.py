"""What docs/payments.md says of states and outcomes is what the code does."""

from __future__ import annotations

import re
import sys

from domain.payments import NEXT, PaymentState
from tests.docs.house import ROOT

PAGE = ROOT / "docs" / "payments.md"
STATES = re.compile(r"(?<=<!-- states -->\n).*?(?=<!-- /states -->)", re.DOTALL)


def table() -> str:
    rows = [
        f"| `{state}` | {', '.join(f'`{after}`' for after in PaymentState if after in NEXT[state]) or 'nothing'} |\n"
        for state in PaymentState
    ]
    return "".join(["| after | may come |\n", "| --- | --- |\n", *rows])


def test_the_table_of_states_is_the_state_machine() -> None:
    found = STATES.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    assert found[0] == table(), "run `python -m tests.docs.test_payments_page` to write it anew"


def test_every_reason_that_the_page_names_is_one_of_the_workflows() -> None:
    named = set(re.findall(r"`(payment-[a-z-]+)` \|", PAGE.read_text(encoding="utf-8")))
    workflow = (ROOT / "workflows" / "payment_callback.py").read_text(encoding="utf-8")
    assert named == set(re.findall(r'reason="([a-z-]+)"', workflow))


if __name__ == "__main__":
    PAGE.write_text(STATES.sub(lambda _: table(), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write("docs/payments.md has the table of states as it is now.\n")
