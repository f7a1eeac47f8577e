"""Payments and workers, as their own tests have them."""

from __future__ import annotations

from tests.payments.conftest import environment, shop

__all__ = ["environment", "shop"]
