//! A `MergeTree` table of one row, written and read as a typed row.

use clickhouse::{Client, Row};
use serde::{Deserialize, Serialize};

use super::super::asking::and_remove;
use super::super::scratch::Scratch;
use super::super::{Endpoint, EngineError};
use super::client;

#[derive(Debug, PartialEq, Row, Serialize, Deserialize)]
struct Probe {
    id: u64,
    value: String,
}

/// Creates, inserts, selects and drops.
pub(super) async fn run(endpoint: &Endpoint) -> Result<String, EngineError> {
    let scratch = Scratch::new();
    let table = format!("scratch.{}", scratch.name);
    let client = client::connect(endpoint)?;
    let probe = Probe {
        id: rand::random(),
        value: scratch.value,
    };
    and_remove(
        endpoint,
        check(endpoint, &client, &table, &probe),
        drop_table(endpoint, &client, &table),
    )
    .await?;
    Ok(format!("inserted a row into {table} and selected it"))
}

async fn check(endpoint: &Endpoint, client: &Client, table: &str, probe: &Probe) -> Result<(), EngineError> {
    client
        .query(&format!(
            "CREATE TABLE {table} (id UInt64, value String) ENGINE = MergeTree ORDER BY id"
        ))
        .execute()
        .await
        .map_err(endpoint.failed(format!("create {table}")))?;
    insert(client, table, probe)
        .await
        .map_err(endpoint.failed(format!("insert into {table}")))?;

    let reading = format!("select from {table}");
    let found: Probe = client
        .query(&format!("SELECT id, value FROM {table}"))
        .fetch_one()
        .await
        .map_err(endpoint.failed(&reading))?;
    endpoint.expect(&reading, probe, &found)
}

async fn insert(client: &Client, table: &str, probe: &Probe) -> Result<(), clickhouse::error::Error> {
    // The name is not one identifier but two, so it must not be quoted as one.
    let mut insert = client.insert_unescaped::<Probe>(table).await?;
    insert.write(probe).await?;
    insert.end().await
}

/// Waits for the data to go: by default it would stay on the disk for minutes.
async fn drop_table(endpoint: &Endpoint, client: &Client, table: &str) -> Result<(), EngineError> {
    client
        .query(&format!("DROP TABLE IF EXISTS {table} SYNC"))
        .execute()
        .await
        .map_err(endpoint.failed(format!("drop {table}")))
}
