//! Parts that pile up, inserts that wait for them, merges that take every thread, a disk that fills.

use ::clickhouse::Client;
use suho_stack::engines::Endpoint;

use super::{Cause, Made, cause};

pub fn causes(endpoint: &Endpoint) -> Vec<Cause> {
    let client = Client::default()
        .with_url(format!("http://127.0.0.1:{}", endpoint.ports[&8123]))
        .with_user("suho")
        .with_password(endpoint.environment["SUHO_CLICKHOUSE_PASSWORD"].expose())
        .with_database("scratch");
    let [parts, inserts, merges, disk] = [client.clone(), client.clone(), client.clone(), client];
    vec![
        cause(&["ClickHousePartsTooMany"], || parts_made(parts)),
        cause(&["ClickHouseInsertsHeldUp"], || inserts_come_too_often(inserts)),
        cause(&["ClickHouseMergesSaturated"], || mutation_hangs(merges)),
        cause(&["DiskFilling"], || disk_filled(disk)),
    ]
}

async fn run(client: &Client, sql: &str) {
    client.query(sql).execute().await.unwrap();
}

async fn parts_made(client: Client) -> Made {
    run(
        &client,
        "CREATE TABLE parts (n UInt32) ENGINE = MergeTree ORDER BY n PARTITION BY n",
    )
    .await;
    run(
        &client,
        "INSERT INTO parts SELECT number FROM numbers(2100) SETTINGS max_partitions_per_insert_block = 0",
    )
    .await;
    Made::undone_by(|| async move { run(&client, "DROP TABLE parts SYNC").await })
}

/// Merges stand still, so that each insert meets one part more, and from the first of them on waits three seconds.
async fn inserts_come_too_often(client: Client) -> Made {
    run(
        &client,
        "CREATE TABLE often (n UInt32) ENGINE = MergeTree ORDER BY n
         SETTINGS parts_to_delay_insert = 1, min_delay_to_insert_ms = 3000, max_delay_to_insert = 3",
    )
    .await;
    run(&client, "SYSTEM STOP MERGES often").await;
    let feed = client.clone();
    let inserting = tokio::spawn(async move {
        loop {
            run(&feed, "INSERT INTO often SELECT 1").await;
        }
    });
    Made::undone_by(|| async move {
        inserting.abort();
        run(&client, "DROP TABLE often SYNC").await;
    })
}

/// A part of it takes three seconds, and there are more parts than places in the pool.
async fn mutation_hangs(client: Client) -> Made {
    run(
        &client,
        "CREATE TABLE mutated (n UInt32, m UInt8) ENGINE = MergeTree ORDER BY n PARTITION BY n
         SETTINGS number_of_free_entries_in_pool_to_execute_mutation = 0",
    )
    .await;
    run(
        &client,
        "INSERT INTO mutated SELECT number, 0 FROM numbers(500) SETTINGS max_partitions_per_insert_block = 0",
    )
    .await;
    run(
        &client,
        "ALTER TABLE mutated UPDATE m = sleep(3) WHERE true SETTINGS mutations_sync = 0",
    )
    .await;
    Made::undone_by(|| async move {
        run(&client, "KILL MUTATION WHERE table = 'mutated'").await;
        run(&client, "DROP TABLE mutated SYNC").await;
    })
}

/// Eight megabytes at a time, which no codec makes smaller, until a twenty-fifth is left.
async fn disk_filled(client: Client) -> Made {
    run(
        &client,
        "CREATE TABLE noise (s String) ENGINE = MergeTree ORDER BY tuple()",
    )
    .await;
    run(&client, "SYSTEM STOP MERGES noise").await;
    let left = "SELECT free_space / total_space FROM system.disks WHERE name = 'default'";
    while client.query(left).fetch_one::<f64>().await.unwrap() > 0.04 {
        run(
            &client,
            "INSERT INTO noise SELECT randomString(1000000) FROM numbers(8)",
        )
        .await;
    }
    Made::undone_by(|| async move { run(&client, "DROP TABLE noise SYNC").await })
}
