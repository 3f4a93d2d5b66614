-- Tenants may do what the role suho.service may do here, and make things of their own in every schema that it sees.
-- What belongs to an extension has rights of its own, and the chunks of a hypertable follow it.
DO $rights$
DECLARE
    service name := current_setting('suho.service');
    tenants name := current_setting('suho.tenants');
    thing   record;
BEGIN
    IF to_regrole(quote_ident(service)) IS NULL THEN
        RETURN;
    END IF;

    FOR thing IN
        SELECT oid::regnamespace AS name FROM pg_namespace
        WHERE nspname !~ '^(pg_|_timescaledb_|timescaledb_|information_schema$)'
          AND has_schema_privilege(service, oid, 'USAGE')
    LOOP
        EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %s TO %I', thing.name, tenants);
    END LOOP;

    FOR thing IN
        SELECT relation.oid::regclass AS name, string_agg(privilege, ', ') AS privileges
        FROM pg_class AS relation
        JOIN pg_namespace AS schema ON schema.oid = relnamespace,
             unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS privilege
        WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
          AND nspname !~ '^(pg_|_timescaledb_|timescaledb_|information_schema$)'
          AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = relation.oid AND deptype = 'e')
          AND has_table_privilege(service, relation.oid, privilege)
        GROUP BY relation.oid
    LOOP
        EXECUTE format('GRANT %s ON TABLE %s TO %I', thing.privileges, thing.name, tenants);
    END LOOP;

    FOR thing IN
        SELECT sequence.oid::regclass AS name, string_agg(privilege, ', ') AS privileges
        FROM pg_class AS sequence
        JOIN pg_namespace AS schema ON schema.oid = relnamespace,
             unnest(ARRAY['USAGE', 'SELECT', 'UPDATE']) AS privilege
        WHERE relkind = 'S'
          AND nspname !~ '^(pg_|_timescaledb_|timescaledb_|information_schema$)'
          AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = sequence.oid AND deptype = 'e')
          AND has_sequence_privilege(service, sequence.oid, privilege)
        GROUP BY sequence.oid
    LOOP
        EXECUTE format('GRANT %s ON SEQUENCE %s TO %I', thing.privileges, thing.name, tenants);
    END LOOP;

    -- Everybody may call a function until somebody says otherwise.
    FOR thing IN
        SELECT routine.oid::regprocedure AS name
        FROM pg_proc AS routine
        JOIN pg_namespace AS schema ON schema.oid = pronamespace
        WHERE proacl IS NOT NULL
          AND nspname !~ '^(pg_|_timescaledb_|timescaledb_|information_schema$)'
          AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = routine.oid AND deptype = 'e')
          AND has_function_privilege(service, routine.oid, 'EXECUTE')
    LOOP
        EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I', thing.name, tenants);
    END LOOP;
END $rights$;
