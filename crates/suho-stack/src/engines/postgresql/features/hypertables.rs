//! Hypertables: where a row goes, what a query leaves out, what ages away.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::super::{EngineError, Evidence, Subject};
use super::session::{Ground, Rows, Session};
use super::ticks::{DAY, HOUR, Tick, series};

/// 4 March 2024, a Monday.
const MONDAY: i64 = 1_709_510_400;
/// Working days that the scratch table holds.
const DAYS: i64 = 5;

/// By time, a chunk for each day.
pub const BY_DAY: &str = "by_range('ts', INTERVAL '1 day')";
/// The Wednesday, by a condition that the planner can hold against the range of a chunk.
pub const WEDNESDAY: &str = "ts >= '2024-03-06 00:00Z' AND ts < '2024-03-07 00:00Z'";
/// Everything that ends before the noon of Thursday.
pub const BEFORE_THURSDAY_NOON: &str = "older_than => TIMESTAMPTZ '2024-03-07 12:00Z'";

/// Rows of five days make a chunk for each day, from midnight to midnight, and each holds the rows of its day.
pub async fn chunks(subject: &Subject<'_>, dimension: &str) -> Result<Evidence, EngineError> {
    let ground = Ground::new(subject.endpoint);
    ground
        .prove(async {
            let (session, ticks) = working_week(&ground, dimension).await?;
            let reading = "read the chunks of a working week";
            let found = session.rows(reading, &ranges(&ground)).await?;
            session.expect(reading, &days(0..DAYS), &found)?;
            let counting = "count the rows of each chunk";
            let found = session.rows(counting, &rows_of_chunks(&ground)).await?;
            session.expect(counting, &counts(&ticks), &found)?;
            Evidence::proved(format!(
                "{} rows of {DAYS} days are in {DAYS} chunks of a day each",
                ticks.len()
            ))
        })
        .await
}

/// A query for one day reads the chunk of that day and no other, and finds all of its rows.
pub async fn chunk_exclusion(subject: &Subject<'_>, condition: &str) -> Result<Evidence, EngineError> {
    let ground = Ground::new(subject.endpoint);
    ground
        .prove(async {
            let (session, ticks) = working_week(&ground, BY_DAY).await?;
            let query = format!("SELECT count(*) FROM {} WHERE {condition}", ground.table());
            let wednesday = MONDAY + 2 * DAY;

            let counting = "count the rows of a day";
            let expected = ticks.iter().filter(|tick| tick.at / DAY * DAY == wednesday).count();
            let found = session.value(counting, &query).await?;
            subject.endpoint.expect(counting, &expected.to_string(), &found)?;

            let planning = "plan a query for one day";
            let chunk = format!(
                "{} AND extract(epoch FROM range_start) = {wednesday}",
                chunk_names(&ground)
            );
            let expected: BTreeSet<_> = session.rows(planning, &chunk).await?.into_iter().flatten().collect();
            let plan = session
                .value(planning, &format!("EXPLAIN (COSTS OFF, FORMAT JSON) {query}"))
                .await?;
            let plan = serde_json::from_str(&plan).map_err(subject.endpoint.failed(planning))?;
            let mut found = BTreeSet::new();
            relations(&plan, &mut found);
            subject.endpoint.expect(planning, &expected, &found)?;
            Evidence::proved(format!("{DAYS} chunks, one of them read for a query of one day"))
        })
        .await
}

/// Dropping what is older than a moment drops the chunks that end before it, and no row of the chunk that it lies in.
pub async fn drop_chunks(subject: &Subject<'_>, which: &str) -> Result<Evidence, EngineError> {
    let ground = Ground::new(subject.endpoint);
    ground
        .prove(async {
            let (session, _) = working_week(&ground, BY_DAY).await?;
            let dropping = "drop the chunks that end before the noon of Thursday";
            session
                .run(dropping, &format!("SELECT drop_chunks('{}', {which})", ground.table()))
                .await?;
            let left = session.rows(dropping, &ranges(&ground)).await?;
            session.expect(dropping, &days(3..DAYS), &left)?;
            Evidence::proved("of 5 chunks the 3 before Thursday are gone, and Thursday's own is whole")
        })
        .await
}

/// Forty trades of each working day.
async fn working_week<'a>(ground: &Ground<'a>, dimension: &str) -> Result<(Session<'a>, Vec<Tick>), EngineError> {
    let session = ground.hypertable(dimension).await?;
    let ticks: Vec<Tick> = (0..DAYS)
        .flat_map(|day| series(MONDAY + day * DAY + HOUR, 30 * 60, 40))
        .collect();
    ground.insert(&session, &ticks).await?;
    Ok((session, ticks))
}

fn ranges(ground: &Ground<'_>) -> String {
    format!(
        "SELECT extract(epoch FROM range_start)::bigint, extract(epoch FROM range_end)::bigint
         FROM timescaledb_information.chunks WHERE {} ORDER BY 1",
        ground.is_table()
    )
}

/// The ranges of the chunks of `days`, counted from Monday.
fn days(days: std::ops::Range<i64>) -> Rows {
    days.map(|day| vec![MONDAY + day * DAY, MONDAY + (day + 1) * DAY])
        .map(|range| range.iter().map(i64::to_string).collect())
        .collect()
}

fn rows_of_chunks(ground: &Ground<'_>) -> String {
    let day = "extract(epoch FROM min(ts))::bigint / 86400 * 86400";
    format!(
        "SELECT {day}, count(*) FROM {} GROUP BY tableoid ORDER BY 1",
        ground.table()
    )
}

fn counts(ticks: &[Tick]) -> Rows {
    (0..DAYS)
        .map(|day| MONDAY + day * DAY)
        .map(|day| (day, ticks.iter().filter(|tick| tick.at / DAY * DAY == day).count()))
        .map(|(day, count)| vec![day.to_string(), count.to_string()])
        .collect()
}

fn chunk_names(ground: &Ground<'_>) -> String {
    format!(
        "SELECT chunk_name FROM timescaledb_information.chunks WHERE {}",
        ground.is_table()
    )
}

/// The tables that a plan reads.
fn relations(plan: &Value, found: &mut BTreeSet<String>) {
    match plan {
        Value::Array(nodes) => nodes.iter().for_each(|node| relations(node, found)),
        Value::Object(node) => {
            if let Some(Value::String(name)) = node.get("Relation Name") {
                found.insert(name.clone());
            }
            node.values().for_each(|child| relations(child, found));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_of_a_plan_is_found_however_deep() {
        let plan = serde_json::json!([{"Plan": {"Plans": [
            {"Relation Name": "one"},
            {"Plans": [{"Relation Name": "two", "Filter": "three"}]},
        ]}}]);
        let mut found = BTreeSet::new();

        relations(&plan, &mut found);

        assert_eq!(found, BTreeSet::from(["one".to_owned(), "two".to_owned()]));
    }
}
