"""The whole schema: all tables, and the functions beside them. A new database gets it at once, without migrations."""

from __future__ import annotations

from sqlalchemy import Connection, MetaData, text

from adapters.db import dead_letter_tables, report_tables, scheduling_tables, tables

_MODULES = (dead_letter_tables, report_tables, scheduling_tables, tables)
"""Each adds its tables to the metadata."""
metadata: MetaData = tables.metadata

# One constant notification a statement: PostgreSQL drops repetitions within a transaction, and the relay looks for
# itself what has come.
_WAKE = """
CREATE FUNCTION outbox_wake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('jobs_outbox', '');
    RETURN NULL;
END
$$
"""
_TRIGGER = """
CREATE TRIGGER outbox_wake AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION outbox_wake()
"""
# The job's id is NULL if the relay has to derive it: some part is missing, or is not written in JSON as in Python.
_ENQUEUE_JOB = """
CREATE OR REPLACE FUNCTION enqueue_job(
    kind text,
    payload jsonb,
    start_after interval DEFAULT NULL,
    start_at timestamptz DEFAULT NULL,
    priority int DEFAULT NULL,
    fairness_key text DEFAULT NULL
) RETURNS bigint LANGUAGE plpgsql SET search_path = {schema}, pg_temp AS $$
#variable_conflict use_column
DECLARE
    id_fields jsonb;
    job_id text;
    problem text;
    hint text;
    entry bigint;
BEGIN
    SELECT k.id_fields INTO id_fields FROM job_kinds k WHERE k.kind = enqueue_job.kind;
    IF NOT FOUND THEN
        SELECT coalesce('Known are: ' || string_agg(k.kind, ', ' ORDER BY k.kind) || '.', 'None is known yet.')
            INTO hint FROM job_kinds k;
        RAISE 'enqueue_job: there is no kind "%"', left(enqueue_job.kind, 100) USING
            ERRCODE = 'invalid_parameter_value',
            HINT = hint || ' A kind that has just been added is known once `jobs setup` has run.';
    END IF;

    SELECT enqueue_job.kind || '/' || string_agg(enqueue_job.payload->>field.name, '/' ORDER BY field.number)
        INTO job_id
        FROM jsonb_array_elements_text(id_fields) WITH ORDINALITY AS field(name, number)
        HAVING bool_and(coalesce(jsonb_typeof(enqueue_job.payload->field.name) IN ('string', 'number'), false));

    problem := CASE
        WHEN jsonb_typeof(enqueue_job.payload) IS DISTINCT FROM 'object' THEN 'the payload must be a JSON object'
        WHEN pg_column_size(enqueue_job.payload) > 65536 THEN 'the payload is larger than 64 KiB'
        WHEN octet_length(job_id) > 1000 THEN 'the job''s id would be longer than 1000 bytes'
        WHEN enqueue_job.start_after IS NOT NULL AND enqueue_job.start_at IS NOT NULL
            THEN 'start_after and start_at exclude each other'
        WHEN enqueue_job.start_after NOT BETWEEN interval '0' AND interval '36500 days'
            THEN 'start_after must be from 0 to 36500 days'
        WHEN enqueue_job.start_at NOT BETWEEN '1900-01-01 00:00:00+00' AND '3000-01-01 00:00:00+00'::timestamptz
            THEN 'start_at must be between the years 1900 and 3000'
        WHEN enqueue_job.priority NOT BETWEEN 1 AND 5 THEN 'priority must be from 1 (first) to 5 (last)'
        WHEN octet_length(enqueue_job.fairness_key) NOT BETWEEN 1 AND 64
            THEN 'fairness_key must be from 1 to 64 bytes long'
    END;
    IF problem IS NOT NULL THEN
        RAISE 'enqueue_job: %: %', enqueue_job.kind, problem USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'The payload holds the fields of the kind''s request, which `jobs kinds` lists. Options are '
                'start_after (an interval such as ''10 minutes'') or start_at (a time with its zone), priority and '
                'fairness_key.';
    END IF;

    INSERT INTO outbox (kind, payload, job_id, start_at, start_delay, priority, fairness_key)
        VALUES (enqueue_job.kind, enqueue_job.payload, job_id, enqueue_job.start_at, enqueue_job.start_after,
                enqueue_job.priority, enqueue_job.fairness_key)
        RETURNING id INTO entry;
    RETURN entry;
END
$$
"""


def create(connection: Connection) -> None:
    """Create all tables and functions. Fails with SQLSTATE 42P07 if one of the tables is there."""
    metadata.create_all(connection, checkfirst=False)
    connection.exec_driver_sql(_WAKE)
    connection.exec_driver_sql(_TRIGGER)
    create_enqueue_job(connection)


def create_enqueue_job(connection: Connection) -> None:
    """Create `enqueue_job`, or replace it. Whatever the caller's search_path is, it uses the tables beside it."""
    schema = connection.execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    connection.exec_driver_sql(_ENQUEUE_JOB.format(schema=schema))
