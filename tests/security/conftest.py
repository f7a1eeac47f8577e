"""Payments and workers, as their own tests have them."""

from __future__ import annotations

from tests.payments.conftest import shop

__all__ = ["shop"]
