//! Continuous aggregates: candles that are computed once, and those that are newer.

use super::super::super::{EngineError, Evidence, Subject};
use super::hypertables::BY_DAY;
use super::session::{Ground, Rows, Session};
use super::ticks::{HOUR, Tick, candles, read, series};

/// 1 March 2024.
const BEGIN: i64 = 1_709_251_200;
/// Until when the aggregate is refreshed first.
const WATERMARK: i64 = BEGIN + 6 * HOUR;

/// Only what a refresh has computed is shown.
pub const MATERIALIZED_ONLY: &str = "timescaledb.materialized_only = true";
/// What is newer than the last refresh is computed from the trades at each query.
pub const REAL_TIME: &str = "timescaledb.materialized_only = false";

/// Trades that come after a refresh are not in the candles before the next one.
pub async fn materialized_only(subject: &Subject<'_>, how: &str) -> Result<Evidence, EngineError> {
    let ground = Ground::new(subject.endpoint);
    ground
        .prove(async {
            let Refreshed { session, ticks, early } = refreshed(&ground, how).await?;
            let asking = "read candles of trades newer than the last refresh";
            shows(&session, &ground, asking, &early).await?;

            session
                .run("refresh the candles", &refresh(&ground, "NULL", "NULL"))
                .await?;
            let all = candles(&ticks, HOUR);
            shows(&session, &ground, "read candles after another refresh", &all).await?;
            Evidence::proved(format!(
                "{} candles until the next refresh, {} after it",
                early.len(),
                all.len()
            ))
        })
        .await
}

/// Trades newer than the last refresh are in the candles at once, and one that came late is after a refresh.
pub async fn real_time(subject: &Subject<'_>, how: &str) -> Result<Evidence, EngineError> {
    let ground = Ground::new(subject.endpoint);
    ground
        .prove(async {
            let Refreshed { session, mut ticks, .. } = refreshed(&ground, how).await?;
            let before = candles(&ticks, HOUR);
            let asking = "read candles of trades newer than the last refresh";
            shows(&session, &ground, asking, &before).await?;

            // Into what is computed already: the candle of the first hour, made higher than all others.
            let late = Tick {
                price: 1_000_000,
                sequence: -1,
                ..ticks[0]
            };
            ground.insert(&session, &[late]).await?;
            let asking = "read candles that a trade came late for";
            shows(&session, &ground, asking, &before).await?;
            ticks.push(late);
            let window = (format!("to_timestamp({BEGIN})"), format!("to_timestamp({WATERMARK})"));
            session
                .run("refresh the candles", &refresh(&ground, &window.0, &window.1))
                .await?;
            let asking = "read candles after the refresh that a late trade waited for";
            shows(&session, &ground, asking, &candles(&ticks, HOUR)).await?;
            Evidence::proved(format!(
                "{} candles, those after the last refresh too; a late trade was taken in by the next",
                before.len()
            ))
        })
        .await
}

/// An aggregate that was refreshed, after which newer trades came.
struct Refreshed<'a> {
    session: Session<'a>,
    ticks: Vec<Tick>,
    /// The candles that the refresh has made.
    early: Rows,
}

async fn refreshed<'a>(ground: &Ground<'a>, how: &str) -> Result<Refreshed<'a>, EngineError> {
    let session = ground.hypertable(BY_DAY).await?;
    aggregate(&session, ground, how).await?;
    // Ten hours of trades, four of them after the refresh.
    let ticks = series(BEGIN, 60, 600);
    let (early, late): (Vec<Tick>, Vec<Tick>) = ticks.iter().partition(|tick| tick.at < WATERMARK);
    ground.insert(&session, &early).await?;
    let refreshing = refresh(ground, "NULL", &format!("to_timestamp({WATERMARK})"));
    session.run("refresh the candles", &refreshing).await?;
    ground.insert(&session, &late).await?;
    let early = candles(&early, HOUR);
    Ok(Refreshed { session, ticks, early })
}

/// Makes candles of an hour of the scratch table, none of them computed yet.
pub(super) async fn aggregate(session: &Session<'_>, ground: &Ground<'_>, how: &str) -> Result<(), EngineError> {
    let (table, view) = (ground.table(), ground.view());
    let statement = format!(
        "CREATE MATERIALIZED VIEW {view} WITH (timescaledb.continuous, {how}) AS
         SELECT time_bucket(INTERVAL '1 hour', ts) AS bucket, instrument_id, first(price, sequence) AS open,
                max(price) AS high, min(price) AS low, last(price, sequence) AS close, sum(quantity) AS volume,
                sum(price * quantity) AS turnover, count(*) AS trades
         FROM {table} GROUP BY 1, 2 WITH NO DATA"
    );
    session.run("make a continuous aggregate", &statement).await
}

fn refresh(ground: &Ground<'_>, from: &str, to: &str) -> String {
    format!("CALL refresh_continuous_aggregate('{}', {from}, {to})", ground.view())
}

pub(super) async fn shows(
    session: &Session<'_>,
    ground: &Ground<'_>,
    action: &str,
    candles: &Rows,
) -> Result<(), EngineError> {
    session.expect(action, candles, &session.rows(action, &read(&ground.view())).await?)
}
