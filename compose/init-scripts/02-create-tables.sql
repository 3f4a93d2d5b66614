-- The tables of the trading platform. Runs after 01-create-extensions.sql, and ends with the row that says it is done.

CREATE SCHEMA reference;
CREATE SCHEMA market;
CREATE SCHEMA trading;
CREATE SCHEMA infra;
-- For checks that a role can really write and read: no table of the platform lives here.
CREATE SCHEMA scratch;

-- What this edition of TimescaleDB lacks, for whoever would otherwise look for it.
CREATE TABLE infra.left_out (
    feature text PRIMARY KEY,
    reason  text NOT NULL
);

-- The key admits a single row.
CREATE TABLE infra.init_done (
    singleton      boolean     PRIMARY KEY DEFAULT true CHECK (singleton),
    done_at        timestamptz NOT NULL DEFAULT now(),
    schema_version text        NOT NULL
);

-- Closed sets of words are text with a CHECK: clients need no type of their own, and a word is added without a rewrite.
CREATE TABLE reference.instruments (
    instrument_id integer        GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    venue         text           NOT NULL,
    symbol        text           NOT NULL,
    asset_class   text           NOT NULL CHECK (asset_class IN ('equity', 'etf', 'future', 'option', 'fx', 'crypto', 'bond')),
    currency      text           NOT NULL CHECK (currency ~ '^[A-Z]{3,5}$'),
    tick_size     numeric(20,10) NOT NULL CHECK (tick_size > 0),
    lot_size      numeric(20,8)  NOT NULL CHECK (lot_size > 0),
    status        text           NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'halted', 'delisted')),
    created_at    timestamptz    NOT NULL DEFAULT now(),
    UNIQUE (venue, symbol)
);

CREATE TABLE trading.accounts (
    account_id    integer     GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text        NOT NULL UNIQUE,
    base_currency text        NOT NULL CHECK (base_currency ~ '^[A-Z]{3,5}$'),
    status        text        NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended', 'closed')),
    created_at    timestamptz NOT NULL DEFAULT now()
);

-- Trades as the venues print them. `sequence` is the feed's number: it grows with time within an instrument.
-- The key lets a feed be replayed with ON CONFLICT DO NOTHING. No foreign key: it would be looked up for every tick.
CREATE TABLE market.ticks (
    ts            timestamptz    NOT NULL,
    instrument_id integer        NOT NULL,
    sequence      bigint         NOT NULL,
    price         numeric(20,10) NOT NULL CHECK (price > 0),
    quantity      numeric(20,8)  NOT NULL CHECK (quantity > 0),
    aggressor     text           CHECK (aggressor IN ('buy', 'sell')),
    PRIMARY KEY (instrument_id, ts, sequence)
);
-- A day's chunk with its indexes stays in memory while it is written.
SELECT create_hypertable('market.ticks', by_range('ts', INTERVAL '1 day'));

CREATE TABLE trading.orders (
    order_id        bigint         GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id      integer        NOT NULL REFERENCES trading.accounts,
    instrument_id   integer        NOT NULL REFERENCES reference.instruments,
    client_order_id text           NOT NULL,
    side            text           NOT NULL CHECK (side IN ('buy', 'sell')),
    kind            text           NOT NULL CHECK (kind IN ('market', 'limit', 'stop', 'stop_limit')),
    time_in_force   text           NOT NULL DEFAULT 'day' CHECK (time_in_force IN ('day', 'gtc', 'ioc', 'fok')),
    quantity        numeric(20,8)  NOT NULL CHECK (quantity > 0),
    limit_price     numeric(20,10) CHECK (limit_price > 0),
    stop_price      numeric(20,10) CHECK (stop_price > 0),
    filled_quantity numeric(20,8)  NOT NULL DEFAULT 0 CHECK (filled_quantity BETWEEN 0 AND quantity),
    status          text           NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'open', 'partially_filled', 'filled', 'cancelled', 'rejected', 'expired')),
    created_at      timestamptz    NOT NULL DEFAULT now(),
    updated_at      timestamptz    NOT NULL DEFAULT now(),
    -- An order sent twice after a lost answer is one order.
    UNIQUE (account_id, client_order_id),
    CHECK ((limit_price IS NOT NULL) = (kind IN ('limit', 'stop_limit'))),
    CHECK ((stop_price IS NOT NULL) = (kind IN ('stop', 'stop_limit')))
);
-- The few live orders are asked for all day; the many finished ones are history.
CREATE INDEX orders_live ON trading.orders (account_id, instrument_id)
    WHERE status IN ('pending', 'open', 'partially_filled');
CREATE INDEX orders_by_instrument ON trading.orders (instrument_id, created_at DESC);

CREATE TABLE trading.executions (
    execution_id       bigint         GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id           bigint         NOT NULL REFERENCES trading.orders,
    venue_execution_id text           NOT NULL,
    price              numeric(20,10) NOT NULL CHECK (price > 0),
    quantity           numeric(20,8)  NOT NULL CHECK (quantity > 0),
    -- Negative where the venue pays a rebate.
    fee                numeric(20,10) NOT NULL DEFAULT 0,
    fee_currency       text           NOT NULL CHECK (fee_currency ~ '^[A-Z]{3,5}$'),
    executed_at        timestamptz    NOT NULL,
    UNIQUE (order_id, venue_execution_id)
);
CREATE INDEX executions_by_time ON trading.executions (executed_at DESC);

CREATE TABLE trading.positions (
    account_id    integer        NOT NULL REFERENCES trading.accounts,
    instrument_id integer        NOT NULL REFERENCES reference.instruments,
    -- Negative for a short position.
    quantity      numeric(20,8)  NOT NULL,
    average_price numeric(20,10) NOT NULL CHECK (average_price >= 0),
    realized_pnl  numeric(28,10) NOT NULL DEFAULT 0,
    updated_at    timestamptz    NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, instrument_id)
);
CREATE INDEX positions_by_instrument ON trading.positions (instrument_id);

-- Candles: continuous aggregates where the licence has them, else plain views of the same names, columns and contents.
SELECT current_setting('timescaledb.license') = 'timescale' AS timescale_licence \gset
\if :timescale_licence
  \set candles 'MATERIALIZED VIEW'
  -- Real time: what is newer than the last refresh is computed from the ticks.
  \set candles_are 'WITH (timescaledb.continuous, timescaledb.materialized_only = false)'
  \set candles_begin 'WITH NO DATA'
\else
  \set candles 'VIEW'
  \set candles_are ''
  \set candles_begin ''
\endif

-- By sequence, because trades of one instant are many and only the first and the last of them open and close a candle.
CREATE :candles market.candles_1m :candles_are AS
SELECT time_bucket(INTERVAL '1 minute', ts) AS bucket,
       instrument_id,
       first(price, sequence) AS open,
       max(price)             AS high,
       min(price)             AS low,
       last(price, sequence)  AS close,
       sum(quantity)          AS volume,
       sum(price * quantity)  AS turnover,
       count(*)               AS trades
FROM market.ticks
GROUP BY 1, 2
:candles_begin;

CREATE :candles market.candles_1h :candles_are AS
SELECT time_bucket(INTERVAL '1 hour', bucket) AS bucket,
       instrument_id,
       first(open, bucket) AS open,
       max(high)           AS high,
       min(low)            AS low,
       last(close, bucket) AS close,
       sum(volume)         AS volume,
       sum(turnover)       AS turnover,
       sum(trades)         AS trades
FROM market.candles_1m
GROUP BY 1, 2
:candles_begin;

-- Readers read everything. Services keep the books, and what has happened (ticks, executions) they only add to.
GRANT USAGE ON SCHEMA reference, market, trading, infra TO suho_read;
GRANT SELECT ON ALL TABLES IN SCHEMA reference, market, trading, infra TO suho_read;
ALTER DEFAULT PRIVILEGES IN SCHEMA reference, market, trading, infra GRANT SELECT ON TABLES TO suho_read;
GRANT INSERT ON market.ticks, trading.executions TO suho_write;
GRANT INSERT, UPDATE ON reference.instruments, trading.accounts, trading.orders, trading.positions TO suho_write;
GRANT USAGE, CREATE ON SCHEMA scratch TO suho_write;

\if :timescale_licence
  ALTER TABLE market.ticks SET (
      timescaledb.enable_columnstore,
      timescaledb.segmentby = 'instrument_id',
      timescaledb.orderby = 'ts DESC, sequence DESC'
  );
  ALTER MATERIALIZED VIEW market.candles_1m SET (
      timescaledb.enable_columnstore,
      timescaledb.segmentby = 'instrument_id',
      timescaledb.orderby = 'bucket DESC'
  );

  -- The windows nest: refreshed for 2 (3) days back, columnar only after that, dropped long after. Only ranges that
  -- changed are computed again, so a wide window costs nothing and takes in late ticks.
  SELECT add_continuous_aggregate_policy('market.candles_1m',
      start_offset => INTERVAL '2 days', end_offset => INTERVAL '1 minute', schedule_interval => INTERVAL '1 minute');
  SELECT add_continuous_aggregate_policy('market.candles_1h',
      start_offset => INTERVAL '3 days', end_offset => INTERVAL '1 hour', schedule_interval => INTERVAL '10 minutes');
  CALL add_columnstore_policy('market.ticks', after => INTERVAL '3 days');
  CALL add_columnstore_policy('market.candles_1m', after => INTERVAL '30 days');
  SELECT add_retention_policy('market.ticks', drop_after => INTERVAL '90 days');
  SELECT add_retention_policy('market.candles_1m', drop_after => INTERVAL '2 years');
\else
  INSERT INTO infra.left_out (feature, reason)
  SELECT feature, format('%s: TimescaleDB runs under the %s licence, which lacks it',
                         consequence, current_setting('timescaledb.license'))
  FROM (VALUES
      ('continuous_aggregates', 'candles are plain views, computed from the ticks at each query'),
      ('refresh_policies',      'nothing is materialised, so nothing is refreshed'),
      ('columnstore',           'ticks stay in rows, uncompressed'),
      ('columnstore_policies',  'nothing becomes columnar with age'),
      ('retention_policies',    'old ticks stay until somebody calls drop_chunks')
  ) AS lacking (feature, consequence);
\endif

INSERT INTO infra.left_out (feature, reason)
SELECT 'timescaledb.telemetry_level', 'TimescaleDB was built without telemetry, so there is none to turn off'
WHERE NOT EXISTS (SELECT FROM pg_settings WHERE name = 'timescaledb.telemetry_level');

DO $$
DECLARE
    missing infra.left_out;
BEGIN
    FOR missing IN SELECT * FROM infra.left_out ORDER BY feature LOOP
        RAISE NOTICE 'left out: % (%)', missing.feature, missing.reason;
    END LOOP;
END $$;

-- The very last statement: whoever can read this row finds everything above in place.
INSERT INTO infra.init_done (schema_version) VALUES ('1');
