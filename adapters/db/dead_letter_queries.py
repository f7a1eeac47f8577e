"""Which letters, and how rows become letters and groups."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Row, Select, Text, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on

from adapters.db.dead_letter_tables import dead_letters
from domain.dead_letters import DeadRun, Group, Letter, LetterFilter

_c = dead_letters.c
_RUN = tuple(_c[name] for name in DeadRun.model_fields)
COLUMNS = (*_RUN, _c.id, _c.fingerprint, _c.first_seen, _c.state, _c.state_at, _c.by, _c.note)


def letter_of(row: Row[Any]) -> Letter:
    """A letter from a row of `COLUMNS`, and perhaps more."""
    values = dict(row._mapping)
    run = DeadRun(**{name: values.pop(name) for name in DeadRun.model_fields})
    return Letter(run=run, **{name: value for name, value in values.items() if name in Letter.model_fields})


def matching(which: LetterFilter) -> list[ColumnElement[bool]]:
    """The conditions of a filter."""
    conditions: list[ColumnElement[bool]] = []
    if which.states is not None:
        conditions.append(_c.state.in_(sorted(which.states)))
    exact = ("kind", "error_type", "fingerprint", "workflow_id", "run_id")
    conditions += [_c[name] == value for name in exact if (value := getattr(which, name)) is not None]
    if which.ids is not None:
        conditions.append(_c.id == func.any(cast(sorted(which.ids), ARRAY(BigInteger))))
    if which.run_ids is not None:
        conditions.append(_c.run_id == func.any(cast(sorted(which.run_ids), ARRAY(Text))))
    conditions += [_c.request[field].astext == value for field, value in (which.request or {}).items()]
    if which.since is not None:
        conditions.append(_c.failed_at >= which.since)
    if which.until is not None:
        conditions.append(_c.failed_at < which.until)
    return conditions


def grouped(which: LetterFilter, limit: int) -> Select[Any]:
    """Groups, each with the columns of the letter that failed last."""
    counts = (
        select(
            _c.fingerprint,
            func.count().label("count"),
            func.min(_c.failed_at).label("first"),
            func.max(_c.failed_at).label("last"),
        )
        .where(*matching(which))
        .group_by(_c.fingerprint)
        .order_by(func.count().desc(), func.max(_c.failed_at).desc())
        .limit(limit)
        .cte("counts")
    )
    examples = (
        select(*COLUMNS)
        .where(*matching(which))
        .ext(distinct_on(_c.fingerprint))
        .order_by(_c.fingerprint, _c.failed_at.desc(), _c.id.desc())
        .subquery()
    )
    columns = (examples.c[column.name] for column in COLUMNS)
    return (
        select(*columns, counts.c.count, counts.c.first, counts.c.last)
        .join_from(counts, examples, examples.c.fingerprint == counts.c.fingerprint)
        .order_by(counts.c.count.desc(), counts.c.last.desc())
    )


def group_of(row: Row[Any]) -> Group:
    """A group from a row of `grouped`."""
    letter = letter_of(row)
    return Group(
        fingerprint=letter.fingerprint,
        kind=letter.run.kind,
        error_type=letter.run.error_type,
        step=letter.run.step,
        message=letter.run.message,
        count=row._mapping["count"],
        first=row.first,
        last=row.last,
        example=letter,
    )
