"""Writes the kinds of job to the database, so that `enqueue_job` can refuse an unknown one and derive a job's id."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import SecretStr
from sqlalchemy import null
from sqlalchemy.dialects.postgresql import insert

from adapters.db.engine import make_engine
from adapters.db.errors import translated
from adapters.db.tables import job_kinds
from adapters.settings import DatabaseSettings
from domain.requests import JobRequest

_ANYTHING: dict[str, dict[str, str]] = {"*": {}}
"""For the column `fields`: the function of earlier versions reads it, and accepts every payload then."""


async def sync(url: str, requests: Mapping[str, type[JobRequest]]) -> list[str]:
    """Write these kinds, each with its request, as far as they have changed; returns the names of those that have.

    Can be run at any time, by several processes at once. A kind that is not among them stays: during a rolling deploy
    the earlier version still enqueues it. Raises the domain's errors.
    """
    rows = [
        {"kind": kind, "fields": _ANYTHING, "id_fields": _id_fields(requests[kind]) or null()}
        for kind in sorted(requests)
    ]
    if not rows:
        return []
    adding = insert(job_kinds).values(rows)
    new = {"fields": adding.excluded.fields, "id_fields": adding.excluded.id_fields}
    changed = job_kinds.c.id_fields.is_distinct_from(new["id_fields"]) | (job_kinds.c.fields != new["fields"])
    writing = adding.on_conflict_do_update(index_elements=[job_kinds.c.kind], set_=new, where=changed)
    engine = make_engine(DatabaseSettings(url=SecretStr(url)), application_name="durable-jobs-setup", pooled=False)
    try:
        with translated():
            async with engine.begin() as connection:
                return sorted((await connection.execute(writing.returning(job_kinds.c.kind))).scalars())
    finally:
        await engine.dispose()


def _id_fields(request: type[JobRequest]) -> list[str]:
    """The fields whose values make the job's id, in order; none if only Python can derive it."""
    own = request.business_id is JobRequest.business_id and request.workflow_id is JobRequest.workflow_id
    # JSON writes other types (dates, choices, truth values) differently from `str`.
    plain = own and all(field.annotation in (int, str) for field in request.model_fields.values())
    return list(request.model_fields) if plain else []
