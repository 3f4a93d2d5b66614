//! Trades that are made up here, and the candles that they make, computed without the engine.

use std::collections::BTreeMap;

use super::session::Rows;

pub(super) const MINUTE: i64 = 60;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// Rows that one statement carries; a megabyte would do, but a server may read no more than 64 kB at once.
const BATCH: usize = 500;

/// A trade as a row of `market.ticks`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tick {
    /// Seconds since 1970.
    pub at: i64,
    pub instrument: i32,
    /// Grows with time.
    pub sequence: i64,
    /// In cents.
    pub price: i64,
    pub quantity: i64,
}

/// `count` trades of three instruments in turn, the first of them at `from` and the others `spacing` seconds apart each.
///
/// Prices go up and down by the steps of a prime.
pub(super) fn series(from: i64, spacing: i64, count: i64) -> Vec<Tick> {
    (0..count)
        .map(|sequence| Tick {
            at: from + sequence * spacing,
            instrument: [1, 2, 3][usize::try_from(sequence % 3).unwrap_or_default()],
            sequence,
            price: 5_000 + sequence * 7_919 % 9_973,
            quantity: 1 + sequence % 10,
        })
        .collect()
}

/// Statements that insert `ticks` into `table`, the last of them first: what came first is not what was written first.
pub(super) fn inserts(table: &str, ticks: &[Tick]) -> Vec<String> {
    let columns = "ts, instrument_id, sequence, price, quantity";
    ticks
        .chunks(BATCH)
        .map(|batch| {
            let values: Vec<_> = batch.iter().rev().map(Tick::values).collect();
            format!("INSERT INTO {table} ({columns}) VALUES {}", values.join(", "))
        })
        .collect()
}

impl Tick {
    fn values(&self) -> String {
        let Self {
            at,
            instrument,
            sequence,
            quantity,
            ..
        } = self;
        let price = cents(self.price);
        format!("(to_timestamp({at}), {instrument}, {sequence}, {price}, {quantity})")
    }
}

/// The candles of `ticks` in buckets of `width` seconds, as [`read`] reads them.
pub(super) fn candles(ticks: &[Tick], width: i64) -> Rows {
    let mut buckets: BTreeMap<(i64, i32), Vec<Tick>> = BTreeMap::new();
    for tick in ticks {
        let bucket = tick.at.div_euclid(width) * width;
        buckets.entry((bucket, tick.instrument)).or_default().push(*tick);
    }
    buckets
        .into_iter()
        .map(|((bucket, instrument), mut ticks)| {
            ticks.sort_by_key(|tick| tick.sequence);
            let prices: Vec<i64> = ticks.iter().map(|tick| tick.price).collect();
            vec![
                bucket.to_string(),
                instrument.to_string(),
                cents(prices[0]),
                cents(prices.iter().copied().max().unwrap_or_default()),
                cents(prices.iter().copied().min().unwrap_or_default()),
                cents(prices[prices.len() - 1]),
                ticks.iter().map(|tick| tick.quantity).sum::<i64>().to_string(),
                cents(ticks.iter().map(|tick| tick.price * tick.quantity).sum()),
                ticks.len().to_string(),
            ]
        })
        .collect()
}

/// Reads candles out of `source`, a view or a query in brackets, in the order of [`candles`].
pub(super) fn read(source: &str) -> String {
    format!(
        "SELECT extract(epoch FROM bucket)::bigint, instrument_id, trim_scale(open), trim_scale(high), trim_scale(low),
                trim_scale(close), trim_scale(volume), trim_scale(turnover), trades
         FROM {source} AS candles ORDER BY 1, 2"
    )
}

/// An amount of cents without zeros at its end: `100.5`.
pub(super) fn cents(amount: i64) -> String {
    let (whole, rest) = (amount / 100, amount % 100);
    match (rest % 10, rest) {
        (_, 0) => whole.to_string(),
        (0, _) => format!("{whole}.{}", rest / 10),
        _ => format!("{whole}.{rest:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tick(at: i64, sequence: i64, price: i64) -> Tick {
        Tick {
            at,
            instrument: 1,
            sequence,
            price,
            quantity: 2,
        }
    }

    #[test]
    fn a_candle_opens_and_closes_by_sequence_and_ends_where_the_next_begins() {
        let ticks = [tick(119, 3, 150), tick(60, 1, 100), tick(60, 2, 305), tick(120, 4, 7)];

        let candles = candles(&ticks, MINUTE);

        assert_eq!(
            candles,
            [
                ["60", "1", "1", "3.05", "1", "1.5", "6", "11.1", "3"],
                ["120", "1", "0.07", "0.07", "0.07", "0.07", "2", "0.14", "1"]
            ]
        );
    }

    #[test]
    fn a_series_is_no_straight_line() {
        let prices: Vec<_> = series(0, 1, 9).iter().map(|tick| tick.price).collect();

        assert!(!prices.is_sorted());
        assert!(!prices.iter().rev().is_sorted());
    }
}
