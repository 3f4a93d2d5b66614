//! One feed of ticks through several engines: what flows, and what every one of them owes for it.
//!
//! Prices and quantities are exact: integers of ten-thousandths here, decimals in the engines.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

/// Decimal places of a price and of a quantity.
const PLACES: usize = 4;
const SCALE: i64 = 10_000;
/// 2026-01-05 14:30:00 UTC, the opening of a trading day, in milliseconds since the epoch.
const OPENING: i64 = 1_767_623_400_000;
const MINUTE: i64 = 60_000;

/// An exact number of ten-thousandths.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Decimal(i64);

/// A trade as a venue prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tick {
    /// Which instrument was traded.
    pub instrument: i32,
    /// The number of the trade: it grows with time, and opens and closes a candle.
    pub sequence: i64,
    /// Milliseconds since the epoch.
    pub at: i64,
    /// What was paid for one.
    pub price: Decimal,
    /// How many were traded.
    pub quantity: Decimal,
}

/// The trades of an instrument in one minute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candle {
    /// Which instrument was traded.
    pub instrument: i32,
    /// The begin of the minute, in seconds since the epoch.
    pub minute: i64,
    /// The price of the first trade.
    pub open: Decimal,
    /// The highest price.
    pub high: Decimal,
    /// The lowest price.
    pub low: Decimal,
    /// The price of the last trade.
    pub close: Decimal,
    /// The sum of the quantities.
    pub volume: Decimal,
}

impl Decimal {
    /// `units` ten-thousandths.
    #[must_use]
    pub fn new(units: i64) -> Self {
        Self(units)
    }

    /// Reads `101.25`, as any engine writes it; digits beyond the fourth have to be zeros.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let (kept, beyond) = fraction.split_at_checked(PLACES).unwrap_or((fraction, ""));
        let is_exact = beyond.bytes().all(|digit| digit == b'0');
        if !is_exact || !(whole.bytes().chain(kept.bytes())).all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let kept: i64 = format!("{kept:0<PLACES$}").parse().ok()?;
        Some(Self(whole.parse::<i64>().ok()?.checked_mul(SCALE)?.checked_add(kept)?))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:0PLACES$}", self.0 / SCALE, self.0 % SCALE)
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Decimal> for String {
    fn from(decimal: Decimal) -> Self {
        decimal.to_string()
    }
}

impl TryFrom<String> for Decimal {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::read(&text).ok_or_else(|| format!("`{text}` is no number of four decimal places"))
    }
}

/// `count` trades of a few instruments within four minutes, at prices that walk at random.
#[must_use]
pub fn ticks(count: usize) -> Vec<Tick> {
    const INSTRUMENTS: i32 = 3;
    let mut prices = [1_012_500, 98_750_100, 4_300];
    (0..)
        .take(count)
        .map(|sequence| {
            let instrument = rand::random_range(1..=INSTRUMENTS);
            // The smallest price stays above nothing.
            let price = &mut prices[usize::try_from(instrument - 1).unwrap_or_default()];
            *price = (*price + rand::random_range(-25..=25)).max(1);
            Tick {
                instrument,
                sequence,
                at: OPENING + sequence * 4 * MINUTE / i64::try_from(count).unwrap_or(i64::MAX),
                price: Decimal(*price),
                quantity: Decimal(rand::random_range(1..=50_000)),
            }
        })
        .collect()
}

/// The candles of `ticks`, by instrument and minute.
#[must_use]
pub fn candles(ticks: &[Tick]) -> Vec<Candle> {
    let mut candles: BTreeMap<(i32, i64), Candle> = BTreeMap::new();
    for tick in ticks {
        let minute = tick.at.div_euclid(MINUTE) * MINUTE / 1_000;
        candles
            .entry((tick.instrument, minute))
            .and_modify(|candle| candle.take(tick))
            .or_insert(Candle {
                instrument: tick.instrument,
                minute,
                open: tick.price,
                high: tick.price,
                low: tick.price,
                close: tick.price,
                volume: tick.quantity,
            });
    }
    candles.into_values().collect()
}

impl Candle {
    /// Takes in the next trade of its minute.
    fn take(&mut self, tick: &Tick) {
        self.high = self.high.max(tick.price);
        self.low = self.low.min(tick.price);
        self.close = tick.price;
        self.volume.0 += tick.quantity.0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("101.25", Some(1_012_500))]
    #[case("101", Some(1_010_000))]
    #[case("0.0001", Some(1))]
    #[case("101.25000000", Some(1_012_500))]
    #[case("101.25001", None)]
    #[case("-1", None)]
    #[case("1e3", None)]
    #[case("", None)]
    fn a_decimal_is_read_exactly_or_not_at_all(#[case] text: &str, #[case] units: Option<i64>) {
        assert_eq!(Decimal::read(text), units.map(Decimal));
    }

    #[test]
    fn the_first_trade_opens_a_candle_and_the_last_closes_it() {
        let tick = |sequence: i64, at: i64, price: i64| Tick {
            instrument: 1,
            sequence,
            at: OPENING + at,
            price: Decimal(price),
            quantity: Decimal(10),
        };

        let candles = candles(&[tick(0, 0, 50), tick(1, 10, 70), tick(2, 10, 40), tick(3, MINUTE, 60)]);

        let first = Candle {
            instrument: 1,
            minute: OPENING / 1_000,
            open: Decimal(50),
            high: Decimal(70),
            low: Decimal(40),
            close: Decimal(40),
            volume: Decimal(30),
        };
        assert_eq!((candles.len(), &candles[0]), (2, &first));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(units in 0..i64::MAX) {
            prop_assert_eq!(Decimal::read(&Decimal(units).to_string()), Some(Decimal(units)));
        }
    }
}
