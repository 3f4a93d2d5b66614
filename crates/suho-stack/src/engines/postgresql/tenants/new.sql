-- Migrations have made this since suho_before and have given it to nobody: then nobody has said what tenants may not do.
DO $new$
DECLARE
    tenants name := current_setting('suho.tenants');
    thing   record;
BEGIN
    FOR thing IN
        SELECT oid::regnamespace AS name FROM pg_namespace
        WHERE nspname !~ '^(pg_|_timescaledb_)' AND nspacl IS NULL AND oid NOT IN (SELECT oid FROM suho_before)
    LOOP
        EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %s TO %I', thing.name, tenants);
    END LOOP;

    FOR thing IN
        SELECT relation.oid::regclass AS name, relkind
        FROM pg_class AS relation
        JOIN pg_namespace AS schema ON schema.oid = relnamespace
        WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
          AND relacl IS NULL
          AND nspname !~ '^(pg_|_timescaledb_)'
          AND relation.oid NOT IN (SELECT oid FROM suho_before)
          AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = relation.oid AND deptype = 'e')
    LOOP
        EXECUTE format('GRANT ALL ON %s %s TO %I',
                       CASE thing.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, thing.name, tenants);
    END LOOP;
END $new$;
