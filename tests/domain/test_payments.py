"""Which state of a payment may follow which."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.payments import NEXT, PaymentState, reachable

_MONEY_CAME = {
    PaymentState.captured,
    PaymentState.partially_refunded,
    PaymentState.refunded,
    PaymentState.disputed,
}


def walks(start: PaymentState) -> st.SearchStrategy[list[PaymentState]]:
    """Ways that a payment may take from a state."""

    @st.composite
    def walk(draw: st.DrawFn) -> list[PaymentState]:
        way = [start]
        for _ in range(draw(st.integers(0, 8))):
            if not NEXT[way[-1]]:
                break
            way.append(draw(st.sampled_from(sorted(NEXT[way[-1]]))))
        return way

    return walk()


@given(walks(PaymentState.pending))
def test_whatever_we_missed_in_between_the_state_that_we_find_is_reachable(way: list[PaymentState]) -> None:
    for at, earlier in enumerate(way):
        for later in way[at + 1 :]:
            assert later in reachable(earlier)


def test_the_table_of_states_allows_what_happens_to_payments_and_nothing_else() -> None:
    assert set(NEXT) == set(PaymentState)
    assert not [state for state, after in NEXT.items() if state in after]
    assert reachable(PaymentState.pending) | {PaymentState.pending} == set(PaymentState)
    # Money that came is never undecided again, a payment that was given up stays so, another card may pay.
    for state in _MONEY_CAME:
        assert reachable(state) <= _MONEY_CAME
    assert reachable(PaymentState.cancelled) == frozenset()
    assert PaymentState.captured in reachable(PaymentState.declined)
