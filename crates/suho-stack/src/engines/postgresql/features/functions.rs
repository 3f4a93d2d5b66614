//! The functions of time series: buckets, the first and the last, gaps and how they are filled.

use super::super::super::{EngineError, Evidence, Subject};
use super::hypertables::BY_DAY;
use super::session::{Ground, Rows};
use super::ticks::{DAY, HOUR, MINUTE, Tick, candles, read, series};

/// 30 March 2024: in the night that follows, clocks in Berlin go from UTC+1 to UTC+2.
const SATURDAY: i64 = 1_711_756_800;
/// When they do so.
const CHANGE: i64 = SATURDAY + 25 * HOUR;

/// Buckets of five minutes.
pub const FIVE_MINUTES: &str = "time_bucket(INTERVAL '5 minutes', ts)";
/// Days as they are counted in Berlin.
pub const DAYS_IN_BERLIN: &str = "time_bucket(INTERVAL '1 day', ts, 'Europe/Berlin')";

/// What opens and closes a candle, and what lies between.
pub const CANDLE: &str =
    "first(price, sequence) AS open, max(price) AS high, min(price) AS low, last(price, sequence) AS close";

/// The last value is carried into a gap.
pub const CARRIED: &str = "locf(last(price, sequence))";
/// A gap is filled by a straight line.
pub const INTERPOLATED: &str = "interpolate(last(price, sequence)::float8)";

/// Trades of three days, four an hour, fall into buckets of five minutes, and into days that one night makes shorter.
pub async fn time_bucket(subject: &Subject<'_>, minutes: &str, days: &str) -> Result<Evidence, EngineError> {
    let ground = Ground::new(subject.endpoint);
    ground
        .prove(async {
            let ticks = series(SATURDAY, 15 * MINUTE - 1, 3 * 96);
            let times = || ticks.iter().map(|tick| tick.at);
            let session = ground.hypertable(BY_DAY).await?;
            ground.insert(&session, &ticks).await?;

            let bucketing = "count trades in buckets of five minutes";
            let expected = counted(times().map(|at| at / (5 * MINUTE) * (5 * MINUTE)));
            let found = session.rows(bucketing, &count_by(&ground, minutes)).await?;
            session.expect(bucketing, &expected, &found)?;

            let bucketing = "count trades in the days of Berlin";
            let days_of_berlin = counted(times().map(midnight_in_berlin));
            let found = session.rows(bucketing, &count_by(&ground, days)).await?;
            session.expect(bucketing, &days_of_berlin, &found)?;
            Evidence::proved(format!(
                "{} trades in {} buckets of five minutes, and in {} days of Berlin, one of them of 23 hours",
                ticks.len(),
                expected.len(),
                days_of_berlin.len()
            ))
        })
        .await
}

/// Candles made of `first` and `last` are those computed here, though the trades were written in another order.
pub async fn first_and_last(subject: &Subject<'_>, candle: &str) -> Result<Evidence, EngineError> {
    let ground = Ground::new(subject.endpoint);
    ground
        .prove(async {
            let ticks = series(SATURDAY, 7, 1_500);
            let session = ground.hypertable(BY_DAY).await?;
            ground.insert(&session, &ticks).await?;
            let asking = "make candles of a minute";
            let query = format!(
                "(SELECT time_bucket(INTERVAL '1 minute', ts) AS bucket, instrument_id, {candle}, sum(quantity) AS volume,
                         sum(price * quantity) AS turnover, count(*) AS trades
                  FROM {} GROUP BY 1, 2)",
                ground.table()
            );
            let expected = candles(&ticks, MINUTE);
            session.expect(asking, &expected, &session.rows(asking, &read(&query)).await?)?;
            Evidence::proved(format!(
                "{} trades make {} candles, equal to the last digit",
                ticks.len(),
                expected.len()
            ))
        })
        .await
}

/// An hour without trades has the price before it, or one between its neighbours; before the first trade there is none.
pub async fn gapfill(subject: &Subject<'_>, carried: &str, interpolated: &str) -> Result<Evidence, EngineError> {
    let ground = Ground::new(subject.endpoint);
    ground
        .prove(async {
            // Trades of 10 at one o'clock and of 16 at four o'clock; eight hours are asked for.
            let session = ground.hypertable(BY_DAY).await?;
            let trade = |hour, sequence, price| Tick {
                at: SATURDAY + hour * HOUR + MINUTE,
                instrument: 1,
                sequence,
                price,
                quantity: 1,
            };
            ground
                .insert(&session, &[trade(1, 1, 1_000), trade(4, 2, 1_600)])
                .await?;
            let filling = "fill the hours without trades";
            let query = format!(
                "SELECT extract(epoch FROM hour)::bigint, trim_scale(carried), trim_scale(interpolated::numeric)
                 FROM (SELECT time_bucket_gapfill(INTERVAL '1 hour', ts) AS hour,
                              {carried} AS carried, {interpolated} AS interpolated
                       FROM {} WHERE ts >= to_timestamp({SATURDAY}) AND ts < to_timestamp({}) GROUP BY 1) AS hours
                 ORDER BY 1",
                ground.table(),
                SATURDAY + 8 * HOUR,
            );
            let found = session.rows(filling, &query).await?;
            session.expect(filling, &eight_hours(), &found)?;
            Evidence::proved("2 hours with trades and 6 without: carried forward and interpolated as computed")
        })
        .await
}

/// What is carried and what is interpolated in each hour: nothing before the first trade, no line after the last.
fn eight_hours() -> Rows {
    (0..8)
        .map(|hour| {
            let carried = [None, Some(10), Some(16)][usize::from(hour >= 1) + usize::from(hour >= 4)];
            let interpolated = (1..=4).contains(&hour).then(|| 10 + (16 - 10) * (hour - 1) / (4 - 1));
            let word = |value: Option<i64>| value.map_or_else(|| "NULL".to_owned(), |value| value.to_string());
            vec![(SATURDAY + hour * HOUR).to_string(), word(carried), word(interpolated)]
        })
        .collect()
}

fn count_by(ground: &Ground<'_>, bucket: &str) -> String {
    format!(
        "SELECT extract(epoch FROM {bucket})::bigint, count(*) FROM {} GROUP BY 1 ORDER BY 1",
        ground.table()
    )
}

/// Each bucket with how often it comes; they come in order.
fn counted(buckets: impl Iterator<Item = i64>) -> Rows {
    let buckets: Vec<i64> = buckets.collect();
    buckets
        .chunk_by(|one, other| one == other)
        .map(|same| vec![same[0].to_string(), same.len().to_string()])
        .collect()
}

/// When the day began in Berlin that `at` belongs to.
fn midnight_in_berlin(at: i64) -> i64 {
    let ahead = |at| if at < CHANGE { HOUR } else { 2 * HOUR };
    let midnight = (at + ahead(at)) / DAY * DAY;
    // The midnight of the Sunday itself was still counted as in winter.
    let as_in_winter = midnight - HOUR;
    midnight - ahead(as_in_winter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sunday_of_the_change_has_23_hours_in_berlin() {
        let sunday = midnight_in_berlin(CHANGE - 1);

        assert_eq!(sunday, SATURDAY + 23 * HOUR);
        assert_eq!(midnight_in_berlin(sunday + 23 * HOUR - 1), sunday);
        assert_eq!(midnight_in_berlin(sunday + 23 * HOUR), sunday + 23 * HOUR);
    }

    #[test]
    fn hours_without_trades_are_filled_by_hand() {
        let told: Vec<_> = eight_hours().into_iter().map(|row| row[1..].join(" ")).collect();

        assert_eq!(
            told,
            [
                "NULL NULL",
                "10 10",
                "10 12",
                "10 14",
                "16 16",
                "16 NULL",
                "16 NULL",
                "16 NULL"
            ]
        );
    }
}
