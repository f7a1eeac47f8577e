"""Tells the database what the kinds of job are, so that `enqueue_job` can check what other languages enqueue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import SecretStr
from sqlalchemy import null, or_
from sqlalchemy.dialects.postgresql import insert

from adapters.db.engine import make_engine
from adapters.db.errors import translated
from adapters.db.field_rules import rules_of
from adapters.db.tables import job_kinds
from adapters.settings import DatabaseSettings
from domain.requests import JobRequest


async def sync(
    url: str, requests: Iterable[type[JobRequest]], *, earlier: Mapping[str, type[JobRequest]] | None = None
) -> list[str]:
    """Write what has changed of these kinds, and of the names they had `earlier`; returns the kinds' names.

    Can be run at any time, by several at once. A kind that is not among them stays: while a new version is rolled out,
    the old one still enqueues it. Raises the domain's errors.
    """
    named = {request.kind: request for request in requests} | dict(earlier or {})
    rows = [_row(kind, named[kind]) for kind in sorted(named)]
    if not rows:
        return []
    adding = insert(job_kinds).values(rows)
    new = adding.excluded
    changed = or_(job_kinds.c.fields != new.fields, job_kinds.c.id_fields.is_distinct_from(new.id_fields))
    writing = adding.on_conflict_do_update(
        index_elements=[job_kinds.c.kind],
        set_={"fields": new.fields, "id_fields": new.id_fields},
        where=changed,
    ).returning(job_kinds.c.kind)
    engine = make_engine(DatabaseSettings(url=SecretStr(url)), application_name="durable-jobs-setup", pooled=False)
    try:
        with translated():
            async with engine.begin() as connection:
                return sorted((await connection.execute(writing)).scalars())
    finally:
        await engine.dispose()


def _row(kind: str, request: type[JobRequest]) -> dict[str, object]:
    fields, id_fields = rules_of(request)
    # None would become a null of JSON's.
    return {"kind": kind, "fields": fields, "id_fields": null() if id_fields is None else id_fields}
