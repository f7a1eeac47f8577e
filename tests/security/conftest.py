"""Payments and workers, as their own tests have them."""

from __future__ import annotations

from tests.payments.conftest import engine, environment, shop

__all__ = ["engine", "environment", "shop"]
