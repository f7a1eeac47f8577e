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


def test_every_state_has_its_row() -> None:
    assert set(NEXT) == set(PaymentState)


def test_no_state_follows_itself_directly() -> None:
    assert not [state for state, after in NEXT.items() if state in after]


@given(walks(PaymentState.pending))
def test_whatever_we_missed_in_between_the_state_that_we_find_is_reachable(way: list[PaymentState]) -> None:
    for at, earlier in enumerate(way):
        for later in way[at + 1 :]:
            assert later in reachable(earlier)


def test_a_payment_whose_money_came_is_never_undecided_again() -> None:
    for state in _MONEY_CAME:
        assert reachable(state) <= _MONEY_CAME


def test_a_payment_that_was_given_up_stays_so() -> None:
    assert reachable(PaymentState.cancelled) == frozenset()


def test_after_a_declined_card_another_one_may_pay() -> None:
    assert PaymentState.captured in reachable(PaymentState.declined)


def test_every_state_can_be_come_to() -> None:
    assert reachable(PaymentState.pending) | {PaymentState.pending} == set(PaymentState)
