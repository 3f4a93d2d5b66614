//! Candles that a materialised view folds from ticks.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clickhouse::Row;
use serde::Deserialize;

use super::super::super::asking::prove_and_remove;
use super::super::super::{EngineError, Evidence, Subject};
use super::Database;

/// As the platform's candles are folded.
pub const CANDLES: &str = "
    SELECT symbol, toStartOfMinute(toDateTime(ts, 'UTC')) AS bucket,
        argMinState(price, (ts, trade_id)) AS open, max(price) AS high, min(price) AS low,
        argMaxState(price, (ts, trade_id)) AS close, sum(toDecimal128(quantity, 8)) AS volume, count() AS trades
    FROM ticks GROUP BY symbol, bucket";

/// A trade, in cents and in thousandths of a second.
#[derive(Debug, Clone)]
struct Tick {
    symbol: &'static str,
    milliseconds: u64,
    trade_id: u64,
    cents: i64,
    quantity: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
struct Candle {
    symbol: String,
    bucket: u32,
    open: i64,
    high: i64,
    low: i64,
    close: i64,
    volume: i64,
    trades: u64,
}

/// Monday the 5th of January 2026.
const BEGIN: u64 = 1_767_571_200;
const INSERTS: usize = 3;
const SECONDS: u64 = 300;

/// Ticks come in several inserts out of their order; the candles are those that we fold from them ourselves.
///
/// `view` is the query of the materialised view.
pub async fn candles(subject: &Subject<'_>, view: &str) -> Result<Evidence, EngineError> {
    let database = Database::of(subject)?;
    prove_and_remove(subject.endpoint, candles_in(&database, view), database.remove()).await
}

async fn candles_in(database: &Database<'_>, view: &str) -> Result<Evidence, EngineError> {
    let name = &database.name;
    database.create().await?;
    for statement in [
        format!(
            "CREATE TABLE {name}.ticks (symbol String, ts DateTime64(3, 'UTC'), trade_id UInt64, price Decimal64(8),
                quantity Decimal64(8)) ENGINE = MergeTree ORDER BY (symbol, ts)"
        ),
        format!(
            "CREATE TABLE {name}.candles (symbol String, bucket DateTime('UTC'),
                open AggregateFunction(argMin, Decimal64(8), Tuple(DateTime64(3, 'UTC'), UInt64)),
                high SimpleAggregateFunction(max, Decimal64(8)), low SimpleAggregateFunction(min, Decimal64(8)),
                close AggregateFunction(argMax, Decimal64(8), Tuple(DateTime64(3, 'UTC'), UInt64)),
                volume SimpleAggregateFunction(sum, Decimal128(8)), trades SimpleAggregateFunction(sum, UInt64))
            ENGINE = AggregatingMergeTree ORDER BY (symbol, bucket)"
        ),
        format!(
            "CREATE MATERIALIZED VIEW {name}.folded TO {name}.candles AS {}",
            view.replace("FROM ticks", &format!("FROM {name}.ticks"))
        ),
    ] {
        database
            .run("create ticks and the view that folds them", &statement)
            .await?;
    }
    let ticks = ticks();
    for part in 0..INSERTS {
        let values: Vec<&Tick> = ticks.iter().skip(part).step_by(INSERTS).collect();
        database.run("insert ticks", &insert(name, &values)).await?;
    }
    let query = format!(
        "SELECT symbol, toUInt32(bucket) AS bucket, toInt64(argMinMerge(open) * 100) AS open,
            toInt64(max(high) * 100) AS high, toInt64(min(low) * 100) AS low, toInt64(argMaxMerge(close) * 100) AS close,
            toInt64(sum(volume) * 100) AS volume, sum(trades) AS trades
        FROM {name}.candles GROUP BY symbol, bucket ORDER BY symbol, bucket"
    );
    let found: Vec<Candle> = database.rows("read the candles", &query).await?;
    let expected = fold(&ticks);
    database.expect_rows("fold ticks into a candle", &expected, &found)?;
    Evidence::proved(format!(
        "{} ticks in {INSERTS} inserts made the {} candles that we computed",
        ticks.len(),
        found.len()
    ))
}

/// Two symbols, five minutes, two trades of each second in the same millisecond.
fn ticks() -> Vec<Tick> {
    let mut state: u64 = 42;
    let mut next = |below: u64| {
        // A linear congruential generator: the same ticks each time.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((state >> 33) % below).unwrap_or_default()
    };
    let mut ticks = Vec::new();
    for second in 0..SECONDS {
        for symbol in ["BTC", "ETH"] {
            for trade_id in [2 * second, 2 * second + 1] {
                ticks.push(Tick {
                    symbol,
                    milliseconds: (BEGIN + second) * 1000,
                    trade_id,
                    cents: 10_000 + next(5_000),
                    quantity: 1 + next(500),
                });
            }
        }
    }
    // The later half first, so that no open or close is where it is by the order of arrival.
    let half = ticks.len() / 2;
    ticks.rotate_left(half);
    ticks
}

fn insert(database: &str, ticks: &[&Tick]) -> String {
    let mut statement = format!(
        "INSERT INTO {database}.ticks
        SELECT symbol, fromUnixTimestamp64Milli(milliseconds, 'UTC'), trade_id, toDecimal64(cents, 8) / 100,
            toDecimal64(quantity, 8) / 100
        FROM values('symbol String, milliseconds Int64, trade_id UInt64, cents Int64, quantity Int64'"
    );
    for tick in ticks {
        // Writing into a text never fails.
        let _ = write!(
            statement,
            ", ('{}', {}, {}, {}, {})",
            tick.symbol, tick.milliseconds, tick.trade_id, tick.cents, tick.quantity
        );
    }
    statement + ")"
}

/// The candles of `ticks`, by symbol and minute.
fn fold(ticks: &[Tick]) -> Vec<Candle> {
    let mut minutes: BTreeMap<(&str, u64), Vec<&Tick>> = BTreeMap::new();
    for tick in ticks {
        let minute = tick.milliseconds / 60_000 * 60;
        minutes.entry((tick.symbol, minute)).or_default().push(tick);
    }
    minutes
        .into_iter()
        .filter_map(|((symbol, minute), mut ticks)| {
            ticks.sort_by_key(|tick| (tick.milliseconds, tick.trade_id));
            Some(Candle {
                symbol: symbol.to_owned(),
                bucket: u32::try_from(minute).ok()?,
                open: ticks.first()?.cents,
                high: ticks.iter().map(|tick| tick.cents).max()?,
                low: ticks.iter().map(|tick| tick.cents).min()?,
                close: ticks.last()?.cents,
                volume: ticks.iter().map(|tick| tick.quantity).sum(),
                trades: u64::try_from(ticks.len()).ok()?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candle_is_folded_by_time_and_not_by_arrival() {
        let tick = |milliseconds, trade_id, cents| Tick {
            symbol: "BTC",
            milliseconds,
            trade_id,
            cents,
            quantity: 5,
        };
        let ticks = [
            tick(59_999, 4, 300),
            tick(1, 2, 100),
            tick(1, 1, 200),
            tick(60_000, 5, 900),
        ];

        let candles = fold(&ticks);

        assert_eq!(candles.len(), 2);
        let first = &candles[0];
        assert_eq!(
            (
                first.open,
                first.high,
                first.low,
                first.close,
                first.volume,
                first.trades
            ),
            (200, 300, 100, 300, 15, 3)
        );
    }

    #[test]
    fn the_ticks_are_no_candle_by_accident() {
        let ticks = ticks();
        let candles = fold(&ticks);
        assert_eq!(candles.len(), 10);
        // Trades of one millisecond are told apart by their number alone.
        assert!(
            candles
                .iter()
                .all(|candle| candle.trades == 120 && candle.open != candle.low && candle.close != candle.high)
        );
    }
}
