//! Partitions, expiry, the last version of a row.

use super::super::super::asking::prove_and_remove;
use super::super::super::{EngineError, Evidence, Subject};
use super::Database;

/// As the platform's ticks are kept.
pub const BY_DAY: &str = "MergeTree PARTITION BY toYYYYMMDD(ts) ORDER BY (symbol, ts)";
/// As long as the platform's ticks are kept.
pub const NINETY_DAYS: &str = "TTL ts + INTERVAL 90 DAY DELETE";
/// As the platform's executions are kept.
pub const BY_VERSION: &str = "ReplacingMergeTree(version)";
const DAYS: [&str; 3] = ["20260105", "20260106", "20260107"];
const ROWS_OF_A_DAY: u64 = 100;

/// Rows of three days are three partitions, and a query of one day reads the rows of that day alone.
///
/// `engine` is that of the table.
pub async fn partitions(subject: &Subject<'_>, engine: &str) -> Result<Evidence, EngineError> {
    let database = Database::of(subject)?;
    prove_and_remove(subject.endpoint, partitions_in(&database, engine), database.remove()).await
}

async fn partitions_in(database: &Database<'_>, engine: &str) -> Result<Evidence, EngineError> {
    let Database { endpoint, name, .. } = database;
    database.create().await?;
    let table = format!("CREATE TABLE {name}.ticks (symbol String, ts DateTime('UTC'), n UInt64) ENGINE = {engine}");
    database.run("create a table with partitions", &table).await?;
    for day in DAYS {
        let insert = format!(
            "INSERT INTO {name}.ticks SELECT 'BTC', parseDateTime('{day}', '%Y%m%d', 'UTC') + number, number
            FROM numbers({ROWS_OF_A_DAY})"
        );
        database.run("insert a day's rows", &insert).await?;
    }

    let partitions: Vec<(String, u64)> = database
        .rows(
            "read system.parts",
            &format!(
                "SELECT partition, sum(rows) FROM system.parts
                WHERE database = '{name}' AND active GROUP BY partition ORDER BY partition"
            ),
        )
        .await?;
    let expected = DAYS.map(|day| (day.to_owned(), ROWS_OF_A_DAY)).to_vec();
    endpoint.expect("keep each day in a partition of its own", &expected, &partitions)?;

    let read: Vec<(u64, u64)> = database
        .rows(
            "estimate a query of one day",
            &format!(
                "SELECT parts, rows FROM (EXPLAIN ESTIMATE SELECT sum(n) FROM {name}.ticks
                WHERE ts >= '2026-01-06 00:00:00' AND ts < '2026-01-07 00:00:00')"
            ),
        )
        .await?;
    endpoint.expect("read one day's partition alone", &vec![(1, ROWS_OF_A_DAY)], &read)?;
    Evidence::proved("3 days are 3 partitions of 100 rows, one of them read for a query of one day")
}

const AGES_IN_DAYS: [u64; 4] = [1, 30, 100, 400];

/// Rows of four ages, of which two are past 90 days, are two rows after a merge.
///
/// `ttl` is the clause of the table.
pub async fn expiry(subject: &Subject<'_>, ttl: &str) -> Result<Evidence, EngineError> {
    let database = Database::of(subject)?;
    prove_and_remove(subject.endpoint, expiry_in(&database, ttl), database.remove()).await
}

async fn expiry_in(database: &Database<'_>, ttl: &str) -> Result<Evidence, EngineError> {
    let name = &database.name;
    database.create().await?;
    let table = format!("CREATE TABLE {name}.aged (age UInt64, ts DateTime) ENGINE = MergeTree ORDER BY age {ttl}");
    database.run("create a table with a TTL", &table).await?;
    let insert =
        format!("INSERT INTO {name}.aged SELECT arrayJoin({AGES_IN_DAYS:?}) AS age, now() - toIntervalDay(age)");
    database.run("insert rows of several ages", &insert).await?;
    let merge = format!("OPTIMIZE TABLE {name}.aged FINAL");
    database.run("merge a table", &merge).await?;

    let left: Vec<u64> = database
        .rows(
            "read what is left",
            &format!("SELECT age FROM {name}.aged ORDER BY age"),
        )
        .await?;
    let expected: Vec<u64> = AGES_IN_DAYS.into_iter().filter(|age| *age < 90).collect();
    database
        .endpoint
        .expect("drop rows that are past their table's TTL", &expected, &left)?;
    Evidence::proved(format!(
        "rows of {AGES_IN_DAYS:?} days went in, those of {left:?} are left after a merge"
    ))
}

const EXECUTIONS: u64 = 20;
/// In the order in which they come: the last one is not the highest.
const VERSIONS: [u64; 3] = [1, 3, 2];

/// Executions come in three versions; FINAL reads the highest of each, before a merge and after.
///
/// `engine` is that of the table.
pub async fn last_version(subject: &Subject<'_>, engine: &str) -> Result<Evidence, EngineError> {
    let database = Database::of(subject)?;
    prove_and_remove(subject.endpoint, last_version_in(&database, engine), database.remove()).await
}

async fn last_version_in(database: &Database<'_>, engine: &str) -> Result<Evidence, EngineError> {
    let name = &database.name;
    database.create().await?;
    let table = format!(
        "CREATE TABLE {name}.executions (id UInt64, version UInt64, price UInt64) ENGINE = {engine} ORDER BY id"
    );
    database.run("create a table of versions", &table).await?;
    for version in VERSIONS {
        let insert = format!(
            "INSERT INTO {name}.executions SELECT number, {version}, number * 100 + {version} FROM numbers({EXECUTIONS})"
        );
        database.run("insert a version of each row", &insert).await?;
    }
    let expected: Vec<(u64, u64, u64)> = (0..EXECUTIONS).map(|id| (id, 3, id * 100 + 3)).collect();
    let query = format!("SELECT id, version, price FROM {name}.executions FINAL ORDER BY id");
    let found: Vec<(u64, u64, u64)> = database.rows("read with FINAL", &query).await?;
    database.expect_rows("read the highest version of each row", &expected, &found)?;

    let merge = format!("OPTIMIZE TABLE {name}.executions FINAL");
    database.run("merge a table", &merge).await?;
    let query = format!("SELECT id, version, price FROM {name}.executions ORDER BY id");
    let found: Vec<(u64, u64, u64)> = database.rows("read after a merge", &query).await?;
    database.expect_rows("keep the highest version of each row", &expected, &found)?;
    Evidence::proved(format!(
        "of versions {VERSIONS:?} of {EXECUTIONS} rows, the third is read with FINAL and kept by a merge"
    ))
}
