"""How an order stands, as tests ask for it."""

from adapters.db.orders import SqlOrders


async def state_of(orders: SqlOrders, order_id: int) -> str:
    """unknown, confirmed, no-address or to-confirm."""
    order = await orders.get(order_id)
    if order is None:
        return "unknown"
    if order.confirmation_sent_at is not None:
        return "confirmed"
    return "to-confirm" if order.customer.email else "no-address"
