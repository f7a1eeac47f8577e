-- The schema of the first release: `pg_dump --schema-only` of a database at revision 0010, and the row of its revision.

SET check_function_bodies = false;

CREATE FUNCTION public.enqueue_job(kind text, payload jsonb, start_after interval DEFAULT NULL::interval, start_at timestamp with time zone DEFAULT NULL::timestamp with time zone, priority integer DEFAULT NULL::integer, fairness_key text DEFAULT NULL::text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
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
            ERRCODE = 'invalid_parameter_value', HINT = 'A kind without fields has the payload {}.';
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
$$;

CREATE FUNCTION public.enqueue_job_choice(value jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $_$
    SELECT CASE jsonb_typeof(value)
        WHEN 'string' THEN '"' || (value #>> '{}')
        WHEN 'boolean' THEN (value::boolean)::int::text
        ELSE regexp_replace(value::text, '[.]0+$', '')
    END
$_$;

CREATE FUNCTION public.enqueue_job_day(given text) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT CASE WHEN given ~ '^0000' THEN false ELSE
        substr(given, 9, 2)::int <= extract(
            day FROM make_date(substr(given, 1, 4)::int, substr(given, 6, 2)::int, 1) + interval '1 month - 1 day'
        )
    END
$$;

CREATE FUNCTION public.enqueue_job_fits(rule jsonb, value jsonb) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE
    AS $_$
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
$_$;

CREATE FUNCTION public.enqueue_job_text(rule jsonb, value jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
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
$$;

CREATE FUNCTION public.outbox_wake() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_notify('jobs_outbox', '');
    RETURN NULL;
END
$$;

CREATE TABLE public.alerts (
    id bigint NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    about text NOT NULL,
    job_id text,
    run_id text,
    raised_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    leads boolean NOT NULL,
    told_with bigint,
    told_at timestamp with time zone,
    CONSTRAINT ck_alerts_about_length CHECK ((char_length(about) <= 200)),
    CONSTRAINT ck_alerts_job_id_length CHECK (((char_length(job_id) >= 1) AND (char_length(job_id) <= 1000))),
    CONSTRAINT ck_alerts_key_length CHECK (((char_length(key) >= 1) AND (char_length(key) <= 400))),
    CONSTRAINT ck_alerts_kind_shape CHECK (((kind ~ '^[a-z]+(-[a-z]+)*$'::text) AND (char_length(kind) <= 60))),
    CONSTRAINT ck_alerts_run_id_length CHECK (((char_length(run_id) >= 1) AND (char_length(run_id) <= 100))),
    CONSTRAINT ck_alerts_told_was_gathered CHECK (((told_at IS NULL) OR (told_with IS NOT NULL)))
);

ALTER TABLE public.alerts ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.alerts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.api_keys (
    id text NOT NULL,
    name text NOT NULL,
    hash bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone,
    scope text DEFAULT 'http'::text NOT NULL,
    CONSTRAINT ck_api_keys_hash_sha256 CHECK ((octet_length(hash) = 32)),
    CONSTRAINT ck_api_keys_id_shape CHECK ((id ~ '^[0-9a-f]{12}$'::text)),
    CONSTRAINT ck_api_keys_name_shape CHECK (((char_length(name) <= 100) AND (name ~ '[^[:space:]]'::text))),
    CONSTRAINT ck_api_keys_scope_known CHECK ((scope = ANY (ARRAY['http'::text, 'codec'::text])))
);

CREATE TABLE public.customers (
    id bigint NOT NULL,
    name text NOT NULL,
    email text,
    locale text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_customers_email_shape CHECK ((email ~ '^[^[:space:][:cntrl:]]+@[^[:space:][:cntrl:]]+$'::text)),
    CONSTRAINT ck_customers_id_positive CHECK ((id > 0)),
    CONSTRAINT ck_customers_locale_shape CHECK ((locale ~ '^[a-z]{2,3}(_[A-Z][a-z]{3})?(_([A-Z]{2}|[0-9]{3}))?(_[A-Z0-9]{4,8})*$'::text)),
    CONSTRAINT ck_customers_name_not_blank CHECK ((name ~ '[^[:space:]]'::text))
);

ALTER TABLE public.customers ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.customers_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.dead_letter_actions (
    id bigint NOT NULL,
    letter_id bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    by text NOT NULL,
    was text NOT NULL,
    state text NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    CONSTRAINT ck_dead_letter_actions_by_shape CHECK (((by ~ '[^[:space:]]'::text) AND (char_length(by) <= 200))),
    CONSTRAINT ck_dead_letter_actions_note_length CHECK ((char_length(note) <= 1000)),
    CONSTRAINT ck_dead_letter_actions_state_known CHECK ((state = ANY (ARRAY['open'::text, 'acknowledged'::text, 'redriven'::text, 'resolved'::text, 'discarded'::text]))),
    CONSTRAINT ck_dead_letter_actions_was_known CHECK ((was = ANY (ARRAY['open'::text, 'acknowledged'::text, 'redriven'::text, 'resolved'::text, 'discarded'::text])))
);

ALTER TABLE public.dead_letter_actions ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.dead_letter_actions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.dead_letter_sweep (
    one boolean DEFAULT true NOT NULL,
    swept_until timestamp with time zone NOT NULL,
    CONSTRAINT ck_dead_letter_sweep_one_row CHECK (one)
);

CREATE TABLE public.dead_letters (
    id bigint NOT NULL,
    workflow_id text NOT NULL,
    run_id text NOT NULL,
    kind text NOT NULL,
    queue text NOT NULL,
    cause text NOT NULL,
    request jsonb,
    error_type text NOT NULL,
    message text NOT NULL,
    step text,
    attempts integer,
    failed_at timestamp with time zone NOT NULL,
    fingerprint text NOT NULL,
    first_seen timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    state_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    by text,
    note text DEFAULT ''::text NOT NULL,
    CONSTRAINT ck_dead_letters_attempts_positive CHECK ((attempts >= 1)),
    CONSTRAINT ck_dead_letters_cause_known CHECK ((cause = ANY (ARRAY['failed'::text, 'timed-out'::text, 'terminated'::text, 'stuck'::text, 'no-worker'::text]))),
    CONSTRAINT ck_dead_letters_fingerprint_shape CHECK ((fingerprint ~ '^[0-9a-f]{12}$'::text)),
    CONSTRAINT ck_dead_letters_message_length CHECK ((char_length(message) <= 1000)),
    CONSTRAINT ck_dead_letters_request_object CHECK ((jsonb_typeof(request) = 'object'::text)),
    CONSTRAINT ck_dead_letters_run_id_length CHECK (((char_length(run_id) >= 1) AND (char_length(run_id) <= 100))),
    CONSTRAINT ck_dead_letters_state_known CHECK ((state = ANY (ARRAY['open'::text, 'acknowledged'::text, 'redriven'::text, 'resolved'::text, 'discarded'::text]))),
    CONSTRAINT ck_dead_letters_workflow_id_length CHECK (((char_length(workflow_id) >= 1) AND (char_length(workflow_id) <= 1000)))
);

ALTER TABLE public.dead_letters ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.dead_letters_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.deliveries (
    key text NOT NULL,
    claims integer NOT NULL,
    claimed_at timestamp with time zone NOT NULL,
    delivered_at timestamp with time zone,
    answer text,
    CONSTRAINT ck_deliveries_answer_length CHECK ((char_length(answer) <= 1000)),
    CONSTRAINT ck_deliveries_answer_when_delivered CHECK (((delivered_at IS NULL) = (answer IS NULL))),
    CONSTRAINT ck_deliveries_claims_positive CHECK ((claims >= 1)),
    CONSTRAINT ck_deliveries_key_length CHECK (((char_length(key) >= 1) AND (char_length(key) <= 255)))
);

CREATE TABLE public.encryption_keys (
    id text NOT NULL,
    check_value bytea NOT NULL,
    first_seen timestamp with time zone DEFAULT now() NOT NULL,
    encrypts_since timestamp with time zone,
    retired_at timestamp with time zone,
    CONSTRAINT ck_encryption_keys_check_value_length CHECK ((octet_length(check_value) = 16)),
    CONSTRAINT ck_encryption_keys_id_shape CHECK ((id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'::text))
);

CREATE TABLE public.idempotency_keys (
    client text NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    status smallint,
    location text,
    body text,
    CONSTRAINT ck_idempotency_keys_body_with_status CHECK (((status IS NULL) = (body IS NULL))),
    CONSTRAINT ck_idempotency_keys_key_length CHECK (((char_length(key) >= 1) AND (char_length(key) <= 255))),
    CONSTRAINT ck_idempotency_keys_request_hash_sha256 CHECK ((octet_length(request_hash) = 32))
);

CREATE TABLE public.job_kinds (
    kind text NOT NULL,
    fields jsonb NOT NULL,
    id_fields jsonb,
    CONSTRAINT ck_job_kinds_fields_object CHECK ((jsonb_typeof(fields) = 'object'::text)),
    CONSTRAINT ck_job_kinds_id_fields_array CHECK ((jsonb_typeof(id_fields) = 'array'::text))
);

CREATE TABLE public.jobs_schema_version (
    version_num character varying(32) NOT NULL,
    serves text
);

CREATE TABLE public.order_items (
    order_id bigint NOT NULL,
    "position" integer NOT NULL,
    name text NOT NULL,
    quantity integer NOT NULL,
    unit_price bigint NOT NULL,
    CONSTRAINT ck_order_items_name_not_blank CHECK ((name ~ '[^[:space:]]'::text)),
    CONSTRAINT ck_order_items_position_from_one CHECK (("position" >= 1)),
    CONSTRAINT ck_order_items_quantity_positive CHECK ((quantity > 0)),
    CONSTRAINT ck_order_items_unit_price_not_negative CHECK ((unit_price >= 0))
);

CREATE TABLE public.orders (
    id bigint NOT NULL,
    customer_id bigint NOT NULL,
    currency character(3) NOT NULL,
    total bigint NOT NULL,
    gift_note text,
    placed_at timestamp with time zone DEFAULT now() NOT NULL,
    confirmation_sent_at timestamp with time zone,
    payment text DEFAULT 'later'::text NOT NULL,
    paid_at timestamp with time zone,
    CONSTRAINT ck_orders_currency_shape CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT ck_orders_id_positive CHECK ((id > 0)),
    CONSTRAINT ck_orders_payment_known CHECK ((payment = ANY (ARRAY['later'::text, 'online'::text]))),
    CONSTRAINT ck_orders_total_not_negative CHECK ((total >= 0))
);

ALTER TABLE public.orders ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.orders_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.outbox (
    id bigint NOT NULL,
    start_id uuid DEFAULT gen_random_uuid() NOT NULL,
    kind text NOT NULL,
    payload jsonb NOT NULL,
    job_id text,
    start_at timestamp with time zone,
    start_delay interval,
    priority smallint,
    fairness_key text,
    enqueued_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    retry_at timestamp with time zone,
    error_type text,
    error text,
    refused_at timestamp with time zone,
    CONSTRAINT ck_outbox_attempts_not_negative CHECK ((attempts >= 0)),
    CONSTRAINT ck_outbox_enqueued_at_range CHECK (((enqueued_at >= '1900-01-01 00:00:00+00'::timestamp with time zone) AND (enqueued_at <= '3000-01-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT ck_outbox_error_has_type CHECK (((error_type IS NULL) = (error IS NULL))),
    CONSTRAINT ck_outbox_error_length CHECK ((char_length(error) <= 2000)),
    CONSTRAINT ck_outbox_fairness_key_length CHECK (((octet_length(fairness_key) >= 1) AND (octet_length(fairness_key) <= 64))),
    CONSTRAINT ck_outbox_job_id_length CHECK (((char_length(job_id) >= 1) AND (char_length(job_id) <= 1000))),
    CONSTRAINT ck_outbox_kind_shape CHECK (((kind ~ '^[a-z][a-z0-9]*(-[a-z0-9]+)*$'::text) AND (char_length(kind) <= 100))),
    CONSTRAINT ck_outbox_one_start_time CHECK (((start_at IS NULL) OR (start_delay IS NULL))),
    CONSTRAINT ck_outbox_payload_depth CHECK ((NOT jsonb_path_exists(payload, '$.**{9}'::jsonpath))),
    CONSTRAINT ck_outbox_payload_numbers CHECK ((NOT jsonb_path_exists(payload, '$.**?(@ >= 10000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000 || @ <= -10000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000)'::jsonpath))),
    CONSTRAINT ck_outbox_payload_object CHECK ((jsonb_typeof(payload) = 'object'::text)),
    CONSTRAINT ck_outbox_payload_size CHECK ((pg_column_size(payload) <= 65536)),
    CONSTRAINT ck_outbox_priority_range CHECK (((priority >= 1) AND (priority <= 5))),
    CONSTRAINT ck_outbox_refused_has_error CHECK (((refused_at IS NULL) OR (error IS NOT NULL))),
    CONSTRAINT ck_outbox_start_at_range CHECK (((start_at >= '1900-01-01 00:00:00+00'::timestamp with time zone) AND (start_at <= '3000-01-01 00:00:00+00'::timestamp with time zone))),
    CONSTRAINT ck_outbox_start_delay_range CHECK (((start_delay >= '00:00:00'::interval) AND (start_delay <= '36500 days'::interval)))
);

ALTER TABLE public.outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.payment_events (
    id text NOT NULL,
    type text NOT NULL,
    payment_id text,
    body_hash bytea NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_payment_events_body_hash_sha256 CHECK ((octet_length(body_hash) = 32)),
    CONSTRAINT ck_payment_events_id_length CHECK (((char_length(id) >= 1) AND (char_length(id) <= 255))),
    CONSTRAINT ck_payment_events_payment_id_length CHECK (((char_length(payment_id) >= 1) AND (char_length(payment_id) <= 255))),
    CONSTRAINT ck_payment_events_type_length CHECK (((char_length(type) >= 1) AND (char_length(type) <= 255)))
);

CREATE TABLE public.payment_reconciliation (
    one boolean DEFAULT true NOT NULL,
    reconciled_until timestamp with time zone NOT NULL,
    CONSTRAINT ck_payment_reconciliation_one_row CHECK (one)
);

CREATE TABLE public.payments (
    id text NOT NULL,
    order_id bigint NOT NULL,
    state text NOT NULL,
    amount bigint NOT NULL,
    currency character(3) NOT NULL,
    refunded bigint NOT NULL,
    version bigint NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_payments_amount_not_negative CHECK ((amount >= 0)),
    CONSTRAINT ck_payments_currency_shape CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT ck_payments_id_length CHECK (((char_length(id) >= 1) AND (char_length(id) <= 255))),
    CONSTRAINT ck_payments_refunded_range CHECK (((refunded >= 0) AND (refunded <= amount))),
    CONSTRAINT ck_payments_state_known CHECK ((state = ANY (ARRAY['pending'::text, 'authorised'::text, 'captured'::text, 'declined'::text, 'cancelled'::text, 'partially-refunded'::text, 'refunded'::text, 'disputed'::text]))),
    CONSTRAINT ck_payments_version_positive CHECK ((version >= 1))
);

CREATE TABLE public.report_askings (
    id bigint NOT NULL,
    report_id uuid NOT NULL,
    member_id bigint,
    client text,
    asked_at timestamp with time zone DEFAULT now() NOT NULL,
    noticed_at timestamp with time zone,
    CONSTRAINT ck_report_askings_somebody CHECK (((member_id IS NOT NULL) OR (client IS NOT NULL)))
);

ALTER TABLE public.report_askings ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.report_askings_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.report_subscriptions (
    id bigint NOT NULL,
    report text NOT NULL,
    format text NOT NULL,
    time_zone text DEFAULT 'UTC'::text NOT NULL,
    member_id bigint NOT NULL,
    CONSTRAINT ck_report_subscriptions_format_known CHECK ((format = ANY (ARRAY['pdf'::text, 'xlsx'::text, 'csv'::text, 'parquet'::text]))),
    CONSTRAINT ck_report_subscriptions_report_known CHECK ((report = ANY (ARRAY['sales-summary'::text, 'orders-export'::text, 'payments-reconciliation'::text]))),
    CONSTRAINT ck_report_subscriptions_time_zone_length CHECK (((char_length(time_zone) >= 1) AND (char_length(time_zone) <= 64)))
);

ALTER TABLE public.report_subscriptions ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.report_subscriptions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.reports (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    report text NOT NULL,
    period text NOT NULL,
    time_zone text NOT NULL,
    format text NOT NULL,
    generation integer NOT NULL,
    state text NOT NULL,
    as_of timestamp with time zone NOT NULL,
    asked_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    key text,
    rows bigint,
    bytes bigint,
    sha256 text,
    CONSTRAINT ck_reports_file_when_ready CHECK (((state = ANY (ARRAY['ready'::text, 'removed'::text])) = (key IS NOT NULL))),
    CONSTRAINT ck_reports_file_whole CHECK (((num_nulls(key, rows, bytes, sha256) = ANY (ARRAY[0, 4])) AND ((key IS NULL) OR (finished_at IS NOT NULL)))),
    CONSTRAINT ck_reports_format_known CHECK ((format = ANY (ARRAY['pdf'::text, 'xlsx'::text, 'csv'::text, 'parquet'::text]))),
    CONSTRAINT ck_reports_generation_from_one CHECK ((generation >= 1)),
    CONSTRAINT ck_reports_period_length CHECK (((char_length(period) >= 1) AND (char_length(period) <= 24))),
    CONSTRAINT ck_reports_report_known CHECK ((report = ANY (ARRAY['sales-summary'::text, 'orders-export'::text, 'payments-reconciliation'::text]))),
    CONSTRAINT ck_reports_sha256_shape CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT ck_reports_sizes_not_negative CHECK (((rows >= 0) AND (bytes >= 0))),
    CONSTRAINT ck_reports_state_known CHECK ((state = ANY (ARRAY['requested'::text, 'ready'::text, 'failed'::text, 'cancelled'::text, 'removed'::text]))),
    CONSTRAINT ck_reports_time_zone_length CHECK (((char_length(time_zone) >= 1) AND (char_length(time_zone) <= 64)))
);

CREATE TABLE public.scheduled_emails (
    id bigint NOT NULL,
    customer_id bigint NOT NULL,
    subject text NOT NULL,
    text text NOT NULL,
    due_at timestamp with time zone NOT NULL,
    queued_at timestamp with time zone,
    sent_at timestamp with time zone,
    CONSTRAINT ck_scheduled_emails_id_positive CHECK ((id > 0)),
    CONSTRAINT ck_scheduled_emails_sent_was_queued CHECK (((sent_at IS NULL) OR (queued_at IS NOT NULL))),
    CONSTRAINT ck_scheduled_emails_subject_shape CHECK (((subject ~ '[^[:space:]]'::text) AND (char_length(subject) <= 200))),
    CONSTRAINT ck_scheduled_emails_text_shape CHECK (((text ~ '[^[:space:]]'::text) AND (char_length(text) <= 100000)))
);

ALTER TABLE public.scheduled_emails ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.scheduled_emails_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.scheduled_periods (
    schedule text NOT NULL,
    period text NOT NULL,
    begun_at timestamp with time zone DEFAULT now() NOT NULL,
    run text NOT NULL,
    held_until timestamp with time zone NOT NULL,
    takes integer DEFAULT 1 NOT NULL,
    done_at timestamp with time zone,
    result text,
    CONSTRAINT ck_scheduled_periods_period_length CHECK (((char_length(period) >= 1) AND (char_length(period) <= 64))),
    CONSTRAINT ck_scheduled_periods_result_length CHECK ((char_length(result) <= 1000)),
    CONSTRAINT ck_scheduled_periods_result_when_done CHECK (((done_at IS NULL) = (result IS NULL))),
    CONSTRAINT ck_scheduled_periods_run_length CHECK (((char_length(run) >= 1) AND (char_length(run) <= 1100))),
    CONSTRAINT ck_scheduled_periods_schedule_length CHECK (((char_length(schedule) >= 1) AND (char_length(schedule) <= 255)))
);

CREATE TABLE public.sessions (
    id text NOT NULL,
    customer_id bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT ck_sessions_id_length CHECK (((char_length(id) >= 1) AND (char_length(id) <= 255)))
);

CREATE TABLE public.staff (
    id bigint NOT NULL,
    name text NOT NULL,
    email text NOT NULL,
    locale text NOT NULL,
    CONSTRAINT ck_staff_email_shape CHECK ((email ~ '^[^[:space:][:cntrl:]]+@[^[:space:][:cntrl:]]+$'::text)),
    CONSTRAINT ck_staff_id_positive CHECK ((id > 0)),
    CONSTRAINT ck_staff_locale_shape CHECK ((locale ~ '^[a-z]{2,3}(_[A-Z][a-z]{3})?(_([A-Z]{2}|[0-9]{3}))?(_[A-Z0-9]{4,8})*$'::text)),
    CONSTRAINT ck_staff_name_not_blank CHECK ((name ~ '[^[:space:]]'::text))
);

ALTER TABLE public.staff ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME public.staff_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY public.jobs_schema_version
    ADD CONSTRAINT jobs_schema_version_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY public.alerts
    ADD CONSTRAINT pk_alerts PRIMARY KEY (id);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT pk_api_keys PRIMARY KEY (id);

ALTER TABLE ONLY public.customers
    ADD CONSTRAINT pk_customers PRIMARY KEY (id);

ALTER TABLE ONLY public.dead_letter_actions
    ADD CONSTRAINT pk_dead_letter_actions PRIMARY KEY (id);

ALTER TABLE ONLY public.dead_letter_sweep
    ADD CONSTRAINT pk_dead_letter_sweep PRIMARY KEY (one);

ALTER TABLE ONLY public.dead_letters
    ADD CONSTRAINT pk_dead_letters PRIMARY KEY (id);

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT pk_deliveries PRIMARY KEY (key);

ALTER TABLE ONLY public.encryption_keys
    ADD CONSTRAINT pk_encryption_keys PRIMARY KEY (id);

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT pk_idempotency_keys PRIMARY KEY (client, key);

ALTER TABLE ONLY public.job_kinds
    ADD CONSTRAINT pk_job_kinds PRIMARY KEY (kind);

ALTER TABLE ONLY public.order_items
    ADD CONSTRAINT pk_order_items PRIMARY KEY (order_id, "position");

ALTER TABLE ONLY public.orders
    ADD CONSTRAINT pk_orders PRIMARY KEY (id);

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT pk_outbox PRIMARY KEY (id);

ALTER TABLE ONLY public.payment_events
    ADD CONSTRAINT pk_payment_events PRIMARY KEY (id);

ALTER TABLE ONLY public.payment_reconciliation
    ADD CONSTRAINT pk_payment_reconciliation PRIMARY KEY (one);

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT pk_payments PRIMARY KEY (id);

ALTER TABLE ONLY public.report_askings
    ADD CONSTRAINT pk_report_askings PRIMARY KEY (id);

ALTER TABLE ONLY public.report_subscriptions
    ADD CONSTRAINT pk_report_subscriptions PRIMARY KEY (id);

ALTER TABLE ONLY public.reports
    ADD CONSTRAINT pk_reports PRIMARY KEY (id);

ALTER TABLE ONLY public.scheduled_emails
    ADD CONSTRAINT pk_scheduled_emails PRIMARY KEY (id);

ALTER TABLE ONLY public.scheduled_periods
    ADD CONSTRAINT pk_scheduled_periods PRIMARY KEY (schedule, period);

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT pk_sessions PRIMARY KEY (id);

ALTER TABLE ONLY public.staff
    ADD CONSTRAINT pk_staff PRIMARY KEY (id);

ALTER TABLE ONLY public.alerts
    ADD CONSTRAINT uq_alerts_kind_key UNIQUE (kind, key);

ALTER TABLE ONLY public.dead_letters
    ADD CONSTRAINT uq_dead_letters_run_id UNIQUE (run_id);

ALTER TABLE ONLY public.report_subscriptions
    ADD CONSTRAINT uq_report_subscriptions_once UNIQUE (member_id, report, format, time_zone);

ALTER TABLE ONLY public.reports
    ADD CONSTRAINT uq_reports_generation UNIQUE (report, period, time_zone, format, generation);

CREATE INDEX ix_alerts_open ON public.alerts USING btree (kind, about) WHERE (told_with IS NULL);

CREATE INDEX ix_alerts_told_with ON public.alerts USING btree (told_with);

CREATE INDEX ix_dead_letter_actions_letter_id ON public.dead_letter_actions USING btree (letter_id);

CREATE INDEX ix_dead_letters_failed_at ON public.dead_letters USING btree (failed_at);

CREATE INDEX ix_dead_letters_fingerprint ON public.dead_letters USING btree (fingerprint, id);

CREATE INDEX ix_dead_letters_kind ON public.dead_letters USING btree (kind, id);

CREATE INDEX ix_dead_letters_state ON public.dead_letters USING btree (state, id);

CREATE INDEX ix_dead_letters_workflow_id ON public.dead_letters USING btree (workflow_id, id);

CREATE INDEX ix_idempotency_keys_created_at ON public.idempotency_keys USING btree (created_at);

CREATE INDEX ix_orders_customer_id ON public.orders USING btree (customer_id);

CREATE INDEX ix_orders_placed_at ON public.orders USING btree (placed_at);

CREATE INDEX ix_outbox_due ON public.outbox USING btree (id) WHERE ((refused_at IS NULL) AND (retry_at IS NULL));

CREATE INDEX ix_outbox_job_id ON public.outbox USING btree (job_id);

CREATE INDEX ix_outbox_retry_at ON public.outbox USING btree (retry_at) WHERE (retry_at IS NOT NULL);

CREATE INDEX ix_payment_events_payment_id ON public.payment_events USING btree (payment_id);

CREATE INDEX ix_payments_order_id ON public.payments USING btree (order_id);

CREATE INDEX ix_report_askings_member_id ON public.report_askings USING btree (member_id);

CREATE INDEX ix_report_askings_report_id ON public.report_askings USING btree (report_id);

CREATE INDEX ix_reports_finished_at ON public.reports USING btree (finished_at) WHERE (state = 'ready'::text);

CREATE INDEX ix_scheduled_emails_customer_id ON public.scheduled_emails USING btree (customer_id);

CREATE INDEX ix_scheduled_emails_due ON public.scheduled_emails USING btree (due_at, id) WHERE ((queued_at IS NULL) AND (sent_at IS NULL));

CREATE INDEX ix_sessions_customer_id ON public.sessions USING btree (customer_id);

CREATE INDEX ix_sessions_expires_at ON public.sessions USING btree (expires_at);

CREATE UNIQUE INDEX uq_dead_letters_waiting ON public.dead_letters USING btree (workflow_id) WHERE (state = ANY (ARRAY['acknowledged'::text, 'open'::text]));

CREATE TRIGGER outbox_wake AFTER INSERT ON public.outbox FOR EACH STATEMENT EXECUTE FUNCTION public.outbox_wake();

ALTER TABLE ONLY public.alerts
    ADD CONSTRAINT fk_alerts_told_with_alerts FOREIGN KEY (told_with) REFERENCES public.alerts(id);

ALTER TABLE ONLY public.dead_letter_actions
    ADD CONSTRAINT fk_dead_letter_actions_letter_id_dead_letters FOREIGN KEY (letter_id) REFERENCES public.dead_letters(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.order_items
    ADD CONSTRAINT fk_order_items_order_id_orders FOREIGN KEY (order_id) REFERENCES public.orders(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.orders
    ADD CONSTRAINT fk_orders_customer_id_customers FOREIGN KEY (customer_id) REFERENCES public.customers(id);

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT fk_payments_order_id_orders FOREIGN KEY (order_id) REFERENCES public.orders(id);

ALTER TABLE ONLY public.report_askings
    ADD CONSTRAINT fk_report_askings_member_id_staff FOREIGN KEY (member_id) REFERENCES public.staff(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.report_askings
    ADD CONSTRAINT fk_report_askings_report_id_reports FOREIGN KEY (report_id) REFERENCES public.reports(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.report_subscriptions
    ADD CONSTRAINT fk_report_subscriptions_member_id_staff FOREIGN KEY (member_id) REFERENCES public.staff(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.scheduled_emails
    ADD CONSTRAINT fk_scheduled_emails_customer_id_customers FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT fk_sessions_customer_id_customers FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE;

SET check_function_bodies = false;

INSERT INTO public.jobs_schema_version VALUES ('0010', '0010 serves code from 0010');
