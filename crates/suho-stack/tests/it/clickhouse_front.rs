//! The HTTP front of the air-gap image, asked by the official client and by the image's own tests.

use std::process::Command;

use clickhouse::{Client, Compression, Row, error::Error};
use futures::future::try_join_all;
use rstest::rstest;
use serde::{Deserialize, Serialize};

use crate::warm;

#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
struct Tick {
    sequence: u64,
    instrument: String,
    price: f64,
}

fn ticks(instrument: &str) -> Vec<Tick> {
    (0..5_000u32)
        .map(|sequence| Tick {
            sequence: sequence.into(),
            instrument: instrument.to_owned(),
            price: 100.0 + f64::from(sequence) / 64.0,
        })
        .collect()
}

async fn write_and_read(client: &Client, table: &str) -> Result<(), Error> {
    client
        .query(&format!(
            "CREATE TABLE {table} (sequence UInt64, instrument String, price Float64) ENGINE = MergeTree ORDER BY sequence"
        ))
        .execute()
        .await?;
    let written = ticks(table);
    let mut insert = client.insert::<Tick>(table).await?;
    for tick in &written {
        insert.write(tick).await?;
    }
    insert.end().await?;

    let read: Vec<Tick> = client
        .query(&format!(
            "SELECT sequence, instrument, price FROM {table} WHERE instrument = ? ORDER BY sequence"
        ))
        .bind(table)
        .fetch_all()
        .await?;
    assert_eq!(read, written);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn sixteen_official_clients_write_and_read_at_once(
    #[values(Compression::Lz4, Compression::None)] compression: Compression,
) {
    let tenant = warm::stack().await.tenant().await.unwrap();
    let client = tenant.clickhouse().await.unwrap().connect().await.unwrap();
    let clients: Vec<_> = (0..16)
        .map(|number| (client.clone().with_compression(compression), format!("ticks_{number}")))
        .collect();

    try_join_all(clients.iter().map(|(client, table)| write_and_read(client, table)))
        .await
        .unwrap();
}

#[rstest]
#[case::unknown_table("SELECT * FROM absent", "Code: 60")]
#[case::syntax("SELEKT 1", "Code: 62")]
#[case::late_error("SELECT throwIf(number = 3000000) FROM numbers(4000000)", "Code: 395")]
#[tokio::test]
async fn an_error_reaches_the_official_client_with_its_code(#[case] query: &str, #[case] code: &str) {
    let tenant = warm::stack().await.tenant().await.unwrap();
    let client = tenant.clickhouse().await.unwrap().connect().await.unwrap();

    let error = client.query(query).fetch_all::<u8>().await.unwrap_err();

    assert!(error.to_string().contains(code), "{error}");
}

/// The image's tests are written in its own language, and run in it against the running front.
#[tokio::test]
async fn the_tests_of_the_image_pass() {
    let stack = warm::stack().await;
    let member = stack.state().member("suho-clickhouse").unwrap();
    let passwords = ["SUHO_CLICKHOUSE_PASSWORD", "SUHO_CLICKHOUSE_READER_PASSWORD"]
        .map(|name| format!("{name}={}", member.endpoint.environment[name].expose()));
    let tests = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../compose/airgap/clickhouse/tests:/tests:ro"
    );

    let output = Command::new("docker")
        .args([
            "run",
            "--rm",
            "--network",
            &stack.state().network,
            "--volume",
            tests,
            "--entrypoint",
            "python",
        ])
        .args([
            "--env",
            "CLICKHOUSE_URL=http://suho-clickhouse:8123",
            "--env",
            &passwords[0],
            "--env",
            &passwords[1],
        ])
        .args([
            member.image.as_str(),
            "-m",
            "unittest",
            "discover",
            "--start-directory",
            "/tests",
        ])
        .output()
        .unwrap();

    let words = String::from_utf8_lossy(&output.stderr);
    println!("{words}");
    assert!(output.status.success(), "{words}");
    assert!(!words.contains("Ran 0 tests") && !words.contains("skipped"), "{words}");
}
