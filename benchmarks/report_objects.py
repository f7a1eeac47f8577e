"""The export as it is written ordinarily: the ORM's objects, all in memory, and Python's csv module."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from sqlalchemy import DateTime, ForeignKey, select
from sqlalchemy.ext.asyncio import async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship, selectinload

from adapters.db.engine import make_engine
from adapters.reports.cells import amount_text, safe_text
from adapters.settings import DatabaseSettings
from domain.reports import Report


class _Base(DeclarativeBase):
    type_annotation_map = {datetime: DateTime(timezone=True)}  # noqa: RUF012  # SQLAlchemy's own way


class _Customer(_Base):
    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class _Item(_Base):
    __tablename__ = "order_items"
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    quantity: Mapped[int]
    unit_price: Mapped[int]


class _Payment(_Base):
    __tablename__ = "payments"
    id: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    state: Mapped[str]
    refunded: Mapped[int]


class _Order(_Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    currency: Mapped[str]
    total: Mapped[int]
    payment: Mapped[str]
    placed_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]
    customer: Mapped[_Customer] = relationship()
    items: Mapped[list[_Item]] = relationship(order_by=_Item.position)
    payments: Mapped[list[_Payment]] = relationship()


async def write_csv(report: Report, path: Path) -> int:
    """Write the file; returns its number of rows."""
    since, until = report.request.span.bounds(report.request.time_zone)
    wanted = (
        select(_Order)
        .where(_Order.placed_at >= since, _Order.placed_at < until)
        .order_by(_Order.placed_at, _Order.id)
        .options(joinedload(_Order.customer), selectinload(_Order.items), selectinload(_Order.payments))
    )
    engine = make_engine(DatabaseSettings(command_timeout=600))
    async with async_sessionmaker(engine)() as session:
        found = (await session.execute(wanted)).scalars().all()
    await engine.dispose()
    written = io.StringIO(newline="")
    rows = [row for order in found for row in _rows(order)]
    csv.writer(written).writerows(rows)
    await asyncio.to_thread(path.write_text, written.getvalue(), encoding="utf-8", newline="")
    return len(rows)


def _rows(order: _Order) -> Iterator[list[object]]:
    of_order: list[object] = [
        order.id,
        order.placed_at.isoformat(),
        order.customer_id,
        safe_text(order.customer.name),
        order.currency,
        amount_text(order.total, order.currency),
        order.payment,
        order.paid_at.isoformat() if order.paid_at else "",
        order.payments[0].state if order.payments else "",
        amount_text(sum(payment.refunded for payment in order.payments), order.currency),
    ]
    for item in order.items:
        yield [
            *of_order,
            item.position,
            safe_text(item.name),
            item.quantity,
            amount_text(item.unit_price, order.currency),
            amount_text(item.quantity * item.unit_price, order.currency),
        ]
