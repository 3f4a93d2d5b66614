-- The role of the exporter: it sees the server's statistics and settings, and no row of any table of the platform.
-- Runs after the others on an empty volume; on one that existed before, once by hand as suho_admin with the variable set.

SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
SET pg_stat_statements.track = 'none';

\set monitor_password ''
\getenv monitor_password SUHO_POSTGRESQL_MONITOR_PASSWORD
SELECT :'monitor_password' = '' AS password_missing \gset
\if :password_missing
  DO $$ BEGIN
    RAISE 'SUHO_POSTGRESQL_MONITOR_PASSWORD must be set';
  END $$;
\endif

CREATE ROLE suho_monitor LOGIN PASSWORD :'monitor_password' CONNECTION LIMIT 5 IN ROLE pg_monitor;
ALTER ROLE suho_monitor SET statement_timeout = '10s';
ALTER ROLE suho_monitor SET default_transaction_read_only = on;

RESET pg_stat_statements.track;
RESET log_min_error_statement;
RESET log_min_duration_statement;

SELECT format('GRANT CONNECT ON DATABASE %I TO suho_monitor', current_database()) \gexec
