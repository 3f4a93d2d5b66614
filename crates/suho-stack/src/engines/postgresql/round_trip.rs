//! A table of one row in the schema where the service user may make tables.

use super::super::asking::and_remove;
use super::super::scratch::Scratch;
use super::super::{Endpoint, EngineError};
use super::client;

/// Creates, inserts, selects in a second session, and drops.
pub(super) async fn run(endpoint: &Endpoint) -> Result<String, EngineError> {
    let scratch = Scratch::new();
    let table = format!("scratch.{}", scratch.name);
    and_remove(
        endpoint,
        check(endpoint, &table, &scratch.value),
        drop_table(endpoint, &table),
    )
    .await?;
    Ok(format!(
        "inserted a row into {table} and selected it in another session"
    ))
}

async fn check(endpoint: &Endpoint, table: &str, value: &str) -> Result<(), EngineError> {
    let writer = client::connect(endpoint).await?;
    writer
        .batch_execute(&format!("CREATE TABLE {table} (value text NOT NULL)"))
        .await
        .map_err(endpoint.failed(format!("create {table}")))?;
    writer
        .execute(&format!("INSERT INTO {table} VALUES ($1)"), &[&value])
        .await
        .map_err(endpoint.failed(format!("insert into {table}")))?;

    // Another session sees what was committed and nothing else.
    let reader = client::connect(endpoint).await?;
    let reading = format!("select from {table}");
    let found: String = reader
        .query_one(&format!("SELECT value FROM {table}"), &[])
        .await
        .and_then(|row| row.try_get(0))
        .map_err(endpoint.failed(&reading))?;
    endpoint.expect(&reading, value, &found)
}

pub(super) async fn drop_table(endpoint: &Endpoint, table: &str) -> Result<(), EngineError> {
    client::connect(endpoint)
        .await?
        .batch_execute(&format!("DROP TABLE IF EXISTS {table}"))
        .await
        .map_err(endpoint.failed(format!("drop {table}")))
}
