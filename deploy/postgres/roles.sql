-- Three accounts instead of one: who may change the schema, who may work with it, who may look.
--
--     psql "$SUPERUSER_URL" --set ON_ERROR_STOP=1 --file deploy/postgres/roles.sql
--
-- Run it in the shop's database, before the first `jobs setup` and once after it; again at any time does no harm.
-- Passwords are yours to give: \password jobs_app

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['jobs_migrator', 'jobs_app', 'jobs_read'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE', name);
        END IF;
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), name);
    END LOOP;
    EXECUTE format('REVOKE CREATE, TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END
$$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO jobs_app, jobs_read;

-- `jobs setup`: owns what it makes.
GRANT USAGE, CREATE ON SCHEMA public TO jobs_migrator;

-- Workers, HTTP interface and the command line: rows, and no tables. What later migrations make, too.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO jobs_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO jobs_app;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO jobs_app;
ALTER DEFAULT PRIVILEGES FOR ROLE jobs_migrator IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO jobs_app;
ALTER DEFAULT PRIVILEGES FOR ROLE jobs_migrator IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO jobs_app;
-- Functions may be called by everybody otherwise.
ALTER DEFAULT PRIVILEGES FOR ROLE jobs_migrator REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE jobs_migrator IN SCHEMA public GRANT EXECUTE ON FUNCTIONS TO jobs_app;

-- Dashboards and people who look.
GRANT SELECT ON ALL TABLES IN SCHEMA public TO jobs_read;
ALTER DEFAULT PRIVILEGES FOR ROLE jobs_migrator IN SCHEMA public GRANT SELECT ON TABLES TO jobs_read;

DO $$
BEGIN
    -- What only `jobs setup` writes.
    IF to_regclass('public.jobs_schema_version') IS NOT NULL THEN
        REVOKE INSERT, UPDATE, DELETE ON jobs_schema_version FROM jobs_app;
    END IF;
    IF to_regclass('public.job_kinds') IS NOT NULL THEN
        REVOKE INSERT, UPDATE, DELETE ON job_kinds FROM jobs_app;
    END IF;
    -- Keys' hashes are nobody's to look at.
    IF to_regclass('public.api_keys') IS NOT NULL THEN
        REVOKE SELECT ON api_keys FROM jobs_read;
    END IF;
END
$$;
