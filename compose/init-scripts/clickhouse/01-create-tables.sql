-- The platform's analytics. Ticks come in once; candles are folded from them as they arrive, by the minute and by the
-- hour, and read through views. Prices and quantities are exact: eight decimals hold a satoshi.
-- Every statement may run again.

CREATE DATABASE IF NOT EXISTS market;

CREATE TABLE IF NOT EXISTS market.ticks
(
    symbol   LowCardinality(String),
    ts       DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD),
    price    Decimal64(8) CODEC(Delta, ZSTD),
    quantity Decimal64(8) CODEC(ZSTD),
    side     Enum8('buy' = 1, 'sell' = 2),
    venue    LowCardinality(String),
    trade_id UInt64 CODEC(Delta, ZSTD)
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(ts)
-- The trade's number tells apart trades of the same microsecond, so that a candle's open and close are well defined.
ORDER BY (symbol, ts, trade_id)
TTL toDateTime(ts) + INTERVAL 90 DAY DELETE
-- Partitions are days, and so is the TTL: whole parts are dropped instead of rewritten.
SETTINGS ttl_only_drop_parts = 1;

-- Candles keep the states of their aggregates, because the ticks of one minute come in several inserts.
CREATE TABLE IF NOT EXISTS market.candles_1m_states
(
    symbol     LowCardinality(String),
    bucket     DateTime('UTC'),
    open       AggregateFunction(argMin, Decimal64(8), Tuple(DateTime64(6, 'UTC'), UInt64)),
    high       SimpleAggregateFunction(max, Decimal64(8)),
    low        SimpleAggregateFunction(min, Decimal64(8)),
    close      AggregateFunction(argMax, Decimal64(8), Tuple(DateTime64(6, 'UTC'), UInt64)),
    volume     SimpleAggregateFunction(sum, Decimal128(8)),
    turnover   SimpleAggregateFunction(sum, Decimal128(8)),
    trades     SimpleAggregateFunction(sum, UInt64)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (symbol, bucket)
TTL bucket + INTERVAL 2 YEAR DELETE;

CREATE MATERIALIZED VIEW IF NOT EXISTS market.ticks_to_candles_1m TO market.candles_1m_states AS
SELECT
    symbol,
    toStartOfMinute(toDateTime(ts, 'UTC'))                         AS bucket,
    argMinState(price, (ts, trade_id))                             AS open,
    max(price)                                                     AS high,
    min(price)                                                     AS low,
    argMaxState(price, (ts, trade_id))                             AS close,
    sum(toDecimal128(quantity, 8))                                 AS volume,
    -- Widened before the product, which has the scales of both, and cut back to eight decimals after it.
    sum(toDecimal128(toDecimal128(price, 8) * quantity, 8))        AS turnover,
    count()                                                        AS trades
FROM market.ticks
GROUP BY symbol, bucket;

CREATE TABLE IF NOT EXISTS market.candles_1h_states AS market.candles_1m_states
ENGINE = AggregatingMergeTree
PARTITION BY toYear(bucket)
ORDER BY (symbol, bucket)
TTL bucket + INTERVAL 10 YEAR DELETE;

-- An hour is made of the minutes' states as they are inserted, and never of merged values.
CREATE MATERIALIZED VIEW IF NOT EXISTS market.candles_1m_to_1h TO market.candles_1h_states AS
SELECT
    symbol,
    toStartOfHour(states.bucket)    AS bucket,
    argMinMergeState(states.open)   AS open,
    max(states.high)                AS high,
    min(states.low)                 AS low,
    argMaxMergeState(states.close)  AS close,
    sum(states.volume)              AS volume,
    sum(states.turnover)            AS turnover,
    sum(states.trades)              AS trades
FROM market.candles_1m_states AS states
GROUP BY symbol, bucket;

CREATE VIEW IF NOT EXISTS market.candles_1m AS
SELECT
    symbol,
    bucket,
    argMinMerge(states.open)   AS open,
    max(states.high)           AS high,
    min(states.low)            AS low,
    argMaxMerge(states.close)  AS close,
    sum(states.volume)         AS volume,
    sum(states.turnover)       AS turnover,
    sum(states.trades)         AS trades
FROM market.candles_1m_states AS states
GROUP BY symbol, bucket;

CREATE VIEW IF NOT EXISTS market.candles_1h AS
SELECT
    symbol,
    bucket,
    argMinMerge(states.open)   AS open,
    max(states.high)           AS high,
    min(states.low)            AS low,
    argMaxMerge(states.close)  AS close,
    sum(states.volume)         AS volume,
    sum(states.turnover)       AS turnover,
    sum(states.trades)         AS trades
FROM market.candles_1h_states AS states
GROUP BY symbol, bucket;

-- What became of the orders. A broker reports an execution again when it corrects it: the highest version counts
-- (read with FINAL).
CREATE TABLE IF NOT EXISTS market.executions
(
    execution_id UUID,
    order_id     UUID,
    strategy     LowCardinality(String),
    symbol       LowCardinality(String),
    ts           DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD),
    side         Enum8('buy' = 1, 'sell' = 2),
    price        Decimal64(8),
    quantity     Decimal64(8),
    fee          Decimal64(8),
    version      UInt32
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(ts)
ORDER BY (symbol, ts, execution_id);

-- For checks of the connection, which write and drop their own tables here.
CREATE DATABASE IF NOT EXISTS scratch;

-- Last: whoever reads this row knows that everything above is there.
CREATE DATABASE IF NOT EXISTS infra;

CREATE TABLE IF NOT EXISTS infra.init_done
(
    done_at DateTime('UTC')
)
ENGINE = MergeTree
ORDER BY tuple();

INSERT INTO infra.init_done SELECT now() WHERE (SELECT count() FROM infra.init_done) = 0;
