"""A payment as the provider holds it. It can be put into any state, as those who test a shop want it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from domain.payments import PaymentState

_NOTHING_CAPTURED = frozenset(
    {PaymentState.pending, PaymentState.authorised, PaymentState.declined, PaymentState.cancelled}
)


class HeldDispute(BaseModel):
    """The customer's bank asked for money back."""

    id: str
    amount: int
    status: Literal["needs_response", "won", "lost"] = "needs_response"


class HeldPayment(BaseModel):
    """A payment. `refunded` is what went back by refunds; a lost dispute takes money back besides."""

    id: str
    amount: int
    currency: str
    metadata: dict[str, str]
    created: int
    state: PaymentState = PaymentState.pending
    refunded: int = 0
    disputes: list[HeldDispute] = Field(default_factory=list)

    @property
    def charge_id(self) -> str:
        """Of the money's movement."""
        return f"ch_{self.id.removeprefix('pi_')}"

    @property
    def captured(self) -> bool:
        """Whether the money has ever been the shop's."""
        return self.state not in _NOTHING_CAPTURED

    @property
    def gone(self) -> int:
        """All that went back, in one way or the other."""
        return self.refunded + sum(dispute.amount for dispute in self.disputes if dispute.status == "lost")

    def become(self, state: PaymentState, refunded: int | None = None) -> None:
        """Go into a state; `refunded` is how much went back by then, where the state is *partially refunded*.

        Without it, that is what went back before, or half. Raises ValueError where it is none or all of the amount.
        """
        gone = self._gone_in(state, refunded)
        opened = [dispute for dispute in self.disputes if dispute.status == "needs_response"]
        self.state = state
        if not self.captured:
            self.refunded, self.disputes = 0, []
        elif state is PaymentState.disputed:
            if not opened:
                self._settle(gone)
                number = len(self.disputes) + 1
                self.disputes.append(
                    HeldDispute(id=f"dp_{self.id.removeprefix('pi_')}_{number}", amount=self.amount - gone)
                )
        elif opened and gone > self.gone:
            opened[0].status, opened[0].amount = "lost", gone - self.gone
        else:
            self._settle(gone)

    def _gone_in(self, state: PaymentState, refunded: int | None) -> int:
        match state:
            case PaymentState.refunded:
                return self.amount
            case PaymentState.partially_refunded:
                part = refunded if refunded is not None else (self.gone or self.amount // 2)
                part = self.amount // 2 if refunded is None and part >= self.amount else part
                if not 0 < part < self.amount:
                    raise ValueError(f"a part of {self.amount} lies between 0 and that, not at {part}")
                return part
            case PaymentState.disputed:
                return self.gone if self.gone < self.amount else 0
            case _:
                return 0

    def _settle(self, gone: int) -> None:
        """Have all disputes over, and so much gone in the end: those that were lost stay so, unless they took more."""
        self.refunded = 0
        for dispute in self.disputes:
            if dispute.status != "lost" or self.gone > gone:
                dispute.status = "won"
        self.refunded = gone - self.gone
