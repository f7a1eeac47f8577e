"""The function `enqueue_job`, by which any language enqueues a job in its own transaction."""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Rules are those of adapters/db/field_rules.py. What they don't tell is taken: the relay is the judge of it.
_FITS = r"""
CREATE FUNCTION enqueue_job_fits(rule jsonb, value jsonb) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    json_type text := jsonb_typeof(value);
    given text := value #>> '{}';
    day text := '[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])';
    hour_minute text := '([01][0-9]|2[0-3]):[0-5][0-9]';
    hex text := '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}';
BEGIN
    IF json_type = 'null' AND (rule ? 'nullable' OR NOT rule ?| ARRAY['type', 'values']) THEN
        RETURN true;
    END IF;
    IF rule ? 'values' THEN
        -- Of many digits, Python may round to a choice.
        RETURN rule->'values' ? enqueue_job_choice(value)
            OR json_type = 'number' AND given ~ '[.]' AND char_length(given) > 16;
    END IF;
    IF NOT rule ? 'type' THEN
        RETURN true;
    END IF;
    IF json_type <> (CASE rule->>'type' WHEN 'integer' THEN 'number' WHEN 'boolean' THEN 'boolean' ELSE 'string' END)
    THEN
        RETURN false;
    END IF;
    CASE rule->>'type'
        WHEN 'boolean' THEN
            RETURN true;
        WHEN 'integer' THEN
            -- Python reads no more digits.
            IF given !~ '^-?[0-9]+$' OR char_length(given) > 4300 + (given ~ '^-')::int THEN
                RETURN false;
            END IF;
            RETURN given::numeric >= coalesce((rule->>'minimum')::numeric, given::numeric)
                AND given::numeric <= coalesce((rule->>'maximum')::numeric, given::numeric)
                AND given::numeric % coalesce((rule->>'multiple_of')::numeric, 1) = 0;
        WHEN 'string' THEN
            IF char_length(given) < coalesce((rule->>'min_length')::int, 0)
                OR char_length(given) > (rule->>'max_length')::int
            THEN
                RETURN false;
            END IF;
            IF NOT rule ? 'pattern' THEN
                RETURN true;
            END IF;
            BEGIN
                RETURN given COLLATE "C" ~ (rule->>'pattern');
            EXCEPTION WHEN invalid_regular_expression THEN
                RETURN true;
            END;
        WHEN 'uuid' THEN
            RETURN given ~ ('^([0-9a-fA-F]{32}|(urn:uuid:)?' || hex || '|[{]' || hex || '[}])$');
        WHEN 'date' THEN
            -- A number of seconds since 1970 would do as well.
            IF given ~ '^[-+]?[0-9]+$' THEN
                RETURN true;
            END IF;
            IF given !~ ('^' || day || '$') OR NOT enqueue_job_day(given) THEN
                RETURN false;
            END IF;
            RETURN given COLLATE "C" >= coalesce(rule->>'minimum', given)
                AND given COLLATE "C" <= coalesce(rule->>'maximum', given);
        WHEN 'date-time' THEN
            IF given ~ '^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?$' THEN
                RETURN true;
            END IF;
            RETURN given ~ (
                    '^' || day || '[Tt _]' || hour_minute || '(:[0-5][0-9]([.,][0-9]+)?)?'
                    || '([Zz]|[-+\u2212]([01][0-9]|2[0-3]):?[0-5][0-9])?$'
                ) AND enqueue_job_day(given);
        ELSE
            RETURN true;
    END CASE;
END
$$
"""
_DAY = """
CREATE FUNCTION enqueue_job_day(given text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN given ~ '^0000' THEN false ELSE
        substr(given, 9, 2)::int <= extract(
            day FROM make_date(substr(given, 1, 4)::int, substr(given, 6, 2)::int, 1) + interval '1 month - 1 day'
        )
    END
$$
"""
_CHOICE = """
CREATE FUNCTION enqueue_job_choice(value jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE jsonb_typeof(value)
        WHEN 'string' THEN '"' || (value #>> '{}')
        WHEN 'boolean' THEN (value::boolean)::int::text
        ELSE regexp_replace(value::text, '[.]0+$', '')
    END
$$
"""
# NULL where it cannot be told.
_TEXT = """
CREATE FUNCTION enqueue_job_text(rule jsonb, value jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN value IS NULL THEN rule->>'omitted'
        WHEN rule ? 'opaque' THEN NULL
        WHEN rule ? 'values' AND rule->'values' ? enqueue_job_choice(value)
            THEN rule->'values'->>enqueue_job_choice(value)
        WHEN value = 'null' THEN 'None'
        WHEN rule->>'type' IN ('integer', 'string') THEN value #>> '{}'
        WHEN rule->>'type' = 'boolean' THEN initcap(value::text)
        WHEN rule->>'type' = 'date' AND value #>> '{}' ~ '^[0-9]{4}-' THEN value #>> '{}'
        WHEN rule->>'type' = 'uuid' THEN replace(value #>> '{}', 'urn:uuid:', '')::uuid::text
    END
$$
"""
_ENQUEUE_JOB = """
CREATE FUNCTION enqueue_job(
    kind text,
    payload jsonb,
    start_after interval DEFAULT NULL,
    start_at timestamptz DEFAULT NULL,
    priority int DEFAULT NULL,
    fairness_key text DEFAULT NULL
) RETURNS bigint LANGUAGE plpgsql SET search_path = {schema}, pg_temp AS $$
#variable_conflict use_column
DECLARE
    known record;
    problem text;
    hint text := 'Options are start_after (an interval such as ''10 minutes'') or start_at (a time with its zone), '
        'priority (1 to 5) and fairness_key (up to 64 bytes).';
    job_id text;
    entry bigint;
BEGIN
    IF enqueue_job.kind IS NULL OR enqueue_job.payload IS NULL THEN
        RAISE 'enqueue_job: kind and payload cannot be null' USING
            ERRCODE = 'invalid_parameter_value', HINT = 'A kind without fields has the payload {{}}.';
    END IF;
    SELECT k.fields, k.id_fields INTO known FROM job_kinds k WHERE k.kind = enqueue_job.kind;
    IF NOT FOUND THEN
        SELECT coalesce('Known are: ' || string_agg(k.kind, ', ' ORDER BY k.kind) || '.', 'None is known yet.')
            INTO hint FROM job_kinds k;
        RAISE 'enqueue_job: there is no kind "%"', left(enqueue_job.kind, 100) USING
            ERRCODE = 'invalid_parameter_value',
            HINT = hint || ' A kind that has just been added is known once `jobs setup` has run.';
    END IF;

    IF jsonb_typeof(enqueue_job.payload) <> 'object' THEN
        problem := 'the payload must be a JSON object';
    ELSIF pg_column_size(enqueue_job.payload) > 65536 THEN
        problem := 'the payload is larger than 64 KiB; a request holds ids only';
    ELSE
        SELECT CASE
                WHEN f.rule IS NULL THEN format('there is no field "%s"', left(p.name, 100))
                WHEN p.value IS NULL THEN format('the field "%s" is missing', f.name)
                ELSE format('"%s" must be %s, which the JSON %s given is not', f.name, f.rule->>'expects',
                            jsonb_typeof(p.value))
            END
            INTO problem
            FROM jsonb_each(known.fields - '*') AS f(name, rule)
            FULL JOIN jsonb_each(enqueue_job.payload) AS p(name, value) ON p.name = f.name
            WHERE CASE
                WHEN f.rule IS NULL THEN NOT known.fields ? '*'
                WHEN p.value IS NULL THEN f.rule ? 'required'
                ELSE NOT enqueue_job_fits(f.rule, p.value)
            END
            ORDER BY f.rule IS NOT NULL, p.value IS NOT NULL, coalesce(f.name, p.name)
            LIMIT 1;
    END IF;

    IF problem IS NOT NULL THEN
        SELECT 'Its fields are: ' || string_agg(
                format('%s (%s%s)', f.name, f.rule->>'expects',
                       CASE WHEN f.rule ? 'required' THEN '' ELSE '; can be left out' END),
                ', ' ORDER BY NOT f.rule ? 'required', f.name) || '.'
            INTO hint FROM jsonb_each(known.fields - '*') AS f(name, rule);
    ELSIF enqueue_job.start_after IS NOT NULL AND enqueue_job.start_at IS NOT NULL THEN
        problem := 'start_after and start_at exclude each other';
    ELSIF enqueue_job.start_after NOT BETWEEN interval '0' AND interval '36500 days' THEN
        problem := 'start_after must be from 0 to 36500 days';
    ELSIF enqueue_job.start_at NOT BETWEEN '1900-01-01 00:00:00+00' AND '3000-01-01 00:00:00+00'::timestamptz THEN
        problem := 'start_at must be between the years 1900 and 3000';
    ELSIF enqueue_job.priority NOT BETWEEN 1 AND 5 THEN
        problem := 'priority must be from 1 (first) to 5 (last)';
    ELSIF octet_length(enqueue_job.fairness_key) NOT BETWEEN 1 AND 64 THEN
        problem := 'fairness_key must be from 1 to 64 bytes long';
    ELSIF known.id_fields IS NOT NULL THEN
        SELECT enqueue_job.kind || '/' || CASE
                WHEN bool_and(told.part IS NOT NULL) THEN string_agg(told.part, '/' ORDER BY told.number)
                WHEN count(*) = 0 THEN ''
            END
            INTO job_id
            FROM (
                SELECT id.number,
                       enqueue_job_text(known.fields->id.name, enqueue_job.payload->id.name) AS part
                FROM jsonb_array_elements_text(known.id_fields) WITH ORDINALITY AS id(name, number)
            ) AS told;
        IF char_length(job_id) > 1000 THEN
            problem := 'the job''s id would be longer than 1000 characters';
            hint := 'Temporal takes no longer ones.';
        END IF;
    END IF;
    IF problem IS NOT NULL THEN
        RAISE 'enqueue_job: %: %', enqueue_job.kind, problem USING
            ERRCODE = 'invalid_parameter_value', HINT = coalesce(hint, 'It has no fields.');
    END IF;

    INSERT INTO outbox (kind, payload, job_id, start_at, start_delay, priority, fairness_key)
        VALUES (enqueue_job.kind, enqueue_job.payload, job_id, enqueue_job.start_at, enqueue_job.start_after,
                enqueue_job.priority, enqueue_job.fairness_key)
        RETURNING id INTO entry;
    RETURN entry;
END
$$
"""


def upgrade() -> None:
    """Migrate forward."""
    connection = op.get_bind()
    # Wherever it is called from, it means the tables beside it, and nobody else's of these names.
    schema = connection.execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    for function in (_DAY, _CHOICE, _FITS, _TEXT):
        op.execute(function)
    op.execute(_ENQUEUE_JOB.format(schema=schema))


def downgrade() -> None:
    """Migrate back."""
    op.execute("DROP FUNCTION enqueue_job(text, jsonb, interval, timestamptz, int, text)")
    for function in ("text(jsonb, jsonb)", "fits(jsonb, jsonb)", "choice(jsonb)", "day(text)"):
        op.execute(f"DROP FUNCTION enqueue_job_{function}")
