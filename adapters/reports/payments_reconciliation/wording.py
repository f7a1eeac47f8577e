"""What the reconciliation of payments says of itself."""

from __future__ import annotations

TITLE = "Payments reconciliation"
AGREE = "Payments and orders agree"
MEANING = (
    "The orders that were placed in the period are compared with all of their payments, both as they stood when this "
    "report was made.",
    "Payments that were refused when they came, such as a second one for the same order, are not among them: they are "
    "dead letters.",
)
