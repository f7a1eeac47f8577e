"""Worker processes and payments, as their own tests have them."""

from __future__ import annotations

from tests.payments.conftest import shop
from tests.worker.conftest import place, sending, start

__all__ = ["place", "sending", "shop", "start"]
