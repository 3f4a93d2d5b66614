-- Extensions and roles. Runs once, on an empty volume, as the superuser suho_admin in the database suho.

CREATE EXTENSION IF NOT EXISTS timescaledb;
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;

-- The statements below carry passwords: they stay out of the server's log and of pg_stat_statements.
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
SET pg_stat_statements.track = 'none';

\set service_password ''
\set reader_password ''
\getenv service_password SUHO_POSTGRESQL_PASSWORD
\getenv reader_password SUHO_POSTGRESQL_READER_PASSWORD
SELECT '' IN (:'service_password', :'reader_password') AS password_missing \gset
\if :password_missing
  DO $$ BEGIN
    RAISE 'SUHO_POSTGRESQL_PASSWORD and SUHO_POSTGRESQL_READER_PASSWORD must both be set';
  END $$;
\endif

-- What may be done belongs to two groups, so that another login needs one GRANT and no list of tables.
CREATE ROLE suho_read NOLOGIN;
CREATE ROLE suho_write NOLOGIN IN ROLE suho_read;

-- The services. Their statements are short: one that is not is a mistake, and must not hold up the others.
CREATE ROLE suho LOGIN PASSWORD :'service_password' IN ROLE suho_write;
ALTER ROLE suho SET statement_timeout = '30s';
ALTER ROLE suho SET lock_timeout = '5s';
ALTER ROLE suho SET idle_in_transaction_session_timeout = '30s';

-- People, dashboards and exporters: pg_monitor shows them the server's statistics and settings, and changes nothing.
CREATE ROLE suho_reader LOGIN PASSWORD :'reader_password' IN ROLE suho_read, pg_monitor;
ALTER ROLE suho_reader SET statement_timeout = '60s';
ALTER ROLE suho_reader SET default_transaction_read_only = on;

RESET pg_stat_statements.track;
RESET log_min_error_statement;
RESET log_min_duration_statement;

-- By default everyone may connect to every database, and make temporary tables in it.
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', datname) FROM pg_database WHERE datallowconn \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO suho_read', current_database()) \gexec
SELECT format('GRANT TEMPORARY ON DATABASE %I TO suho_write', current_database()) \gexec
