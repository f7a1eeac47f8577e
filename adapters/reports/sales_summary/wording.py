"""What the sales summary says of itself."""

from __future__ import annotations

TITLE = "Sales summary"
MEANING = (
    "Revenue is the total of all orders that were placed in the period, as they were placed.",
    "Of it, paid is what was paid by the time of this report, whenever that was; awaited is what is to be paid online "
    "and was not; the rest is on invoices.",
    "Refunded is what has gone back of the payments for these orders, and counts on the day of the order. Net is "
    "revenue less refunded.",
    "Amounts of different currencies are not added up.",
)
NO_ORDERS = "No orders in this period"
