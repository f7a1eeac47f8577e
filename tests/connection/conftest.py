"""Worker processes and payments, as their own tests have them."""

from __future__ import annotations

from tests.payments.conftest import engine, shop
from tests.worker.conftest import environment, place, sending, start

__all__ = ["engine", "environment", "place", "sending", "shop", "start"]
