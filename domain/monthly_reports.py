"""The request that asks for the reports of the month before, and what its step tells the workflow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from domain.reports import ReportGenerationRequest
from domain.scheduling import ScheduledRequest


class MonthlyReportsRequest(ScheduledRequest):
    """Ask for the reports of the month before, for all who have subscribed to them."""


class MonthlyAsked(BaseModel):
    """What was asked for."""

    model_config = ConfigDict(frozen=True)

    done_before: bool = False
    """The month was done by an earlier run; nothing happened now."""
    month: str
    asked: int = 0


class Subscriptions(Protocol):
    """Who gets which reports every month. Each call may raise a `TransientError`."""

    async def of_month(self, month: str) -> Sequence[ReportGenerationRequest]:
        """What is to be asked for a month (`2026-10`), one request a subscription."""
        ...
