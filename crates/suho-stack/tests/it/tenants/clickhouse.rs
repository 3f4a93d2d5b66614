//! Tenants of `ClickHouse`: databases of their own; users of their own where the engine is the real one.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use clickhouse::Client;
use futures::{StreamExt, future::join_all, stream};
use rstest::rstest;
use suho_stack::engines::{
    Endpoint, Engine, EngineError, Tenancy,
    clickhouse::{Clickhouse, ClickhouseTenant},
    tenancy::{Migrations, Room, TenantName},
};
use tokio::time::{sleep, timeout};

use super::pace;
use crate::warm;

const SERVICE: &str = "suho-clickhouse";

fn tenancy() -> Arc<dyn Tenancy> {
    Clickhouse.tenancy().unwrap()
}

async fn make(endpoint: &Endpoint, migrations: &Migrations) -> (Room, ClickhouseTenant) {
    let room = tenancy()
        .make(endpoint, &TenantName::random(), migrations)
        .await
        .unwrap();
    (room.clone(), ClickhouseTenant::new(endpoint.clone(), room))
}

fn service(endpoint: &Endpoint) -> Client {
    Client::default()
        .with_url(format!("http://127.0.0.1:{}", endpoint.ports[&8123]))
        .with_user("suho")
        .with_password(endpoint.environment["SUHO_CLICKHOUSE_PASSWORD"].expose())
}

async fn run(client: &Client, statement: &str) {
    let answer = client.query_raw(statement).execute().await;
    answer.unwrap_or_else(|error| panic!("{statement}: {error}"));
}

async fn texts(client: &Client, query: &str) -> Vec<String> {
    let answer = client.query_raw(query).fetch_all().await;
    answer.unwrap_or_else(|error| panic!("{query}: {error}"))
}

/// What the server has of a tenant.
async fn left_of(endpoint: &Endpoint, tenant: &TenantName) -> Vec<String> {
    let query = format!(
        "SELECT name FROM system.databases WHERE startsWith(name, '{tenant}')
        UNION ALL SELECT name FROM system.users WHERE startsWith(name, '{tenant}')
        UNION ALL SELECT database || '.' || name FROM system.tables WHERE startsWith(database, '{tenant}')"
    );
    texts(&service(endpoint), &query).await
}

const TICKS: &str = "INSERT INTO ticks VALUES
    ('SAP', now64(6), 100, 2, 'buy', 'XETR', 1), ('SAP', now64(6), 110, 3, 'sell', 'XETR', 2)";
const CANDLES: &str = "SELECT toString(sum(trades)) FROM candles_1h";

#[tokio::test]
async fn a_tenant_has_the_schema_and_its_views_fill_its_own_tables() {
    let endpoint = warm::endpoint(SERVICE).await;
    let (room, tenant) = make(&endpoint, &Migrations::new()).await;
    let client = tenant.connect().await.unwrap();

    let tables = "SELECT name || ' ' || engine FROM system.tables WHERE database = ";
    let own = texts(&client, &format!("{tables} currentDatabase() ORDER BY name")).await;
    assert_eq!(own, texts(&client, &format!("{tables} 'market' ORDER BY name")).await);
    run(&client, TICKS).await;
    assert_eq!(texts(&client, CANDLES).await, ["2"]);
    let platform = texts(&service(&endpoint), "SELECT toString(count()) FROM market.candles_1h").await;
    assert_eq!(platform, ["0"], "nothing went into the platform's own tables");
    let definitions = "SELECT create_table_query FROM system.tables WHERE database = currentDatabase()";
    for definition in texts(&client, definitions).await {
        assert!(!definition.contains("market."), "{definition}");
    }
    tenancy().remove(&endpoint, &room.tenant).await.unwrap();
    assert_eq!(left_of(&endpoint, &room.tenant).await, Vec::<String>::new());
}

/// The stand-in runs everything as one user; what it does not keep apart is said in words, and nothing is claimed of it.
#[tokio::test]
async fn what_this_edition_does_not_keep_apart_is_said_and_what_it_does_is() {
    let endpoint = warm::endpoint(SERVICE).await;
    let none = Migrations::new();
    let ((room, one), (other_room, other)) = tokio::join!(make(&endpoint, &none), make(&endpoint, &none));

    let [words] = room.not_offered.as_slice() else {
        panic!("{:?}", room.not_offered);
    };
    assert!(
        words.contains("a user of its own: code 514") && words.contains("open to it"),
        "{words}"
    );
    assert_eq!(one.user(), "suho");
    for (attacker, victim) in [(&one, &other), (&other, &one)] {
        let (attacker, at_home) = (attacker.connect().await.unwrap(), victim.connect().await.unwrap());
        run(
            &at_home,
            "CREATE TABLE IF NOT EXISTS secret (word String) ENGINE = MergeTree ORDER BY word",
        )
        .await;
        run(
            &at_home,
            "INSERT INTO secret SELECT 'it''s; DROP DATABASE market; --' WHERE (SELECT count() FROM secret) = 0",
        )
        .await;
        let error = attacker
            .query("SELECT count() FROM secret WHERE word = 'stolen'")
            .fetch_one::<u64>()
            .await;
        // Where both have a table of that name, each finds its own.
        assert!(error.is_err() || error.unwrap() == 0);
        let wrong = Client::default()
            .with_url(victim.url().unwrap())
            .with_user(victim.user())
            .with_password("wrong");
        let refused = wrong.query("SELECT 1").fetch_one::<u8>().await.unwrap_err().to_string();
        assert!(refused.contains("Code: 516"), "{refused}");
    }
    let both = [one.connect().await.unwrap(), other.connect().await.unwrap()];
    for client in &both {
        run(client, TICKS).await;
        assert_eq!(texts(client, CANDLES).await, ["2"]);
        assert_eq!(
            texts(client, "SELECT word FROM secret").await,
            ["it's; DROP DATABASE market; --"]
        );
    }
    tenancy().remove(&endpoint, &room.tenant).await.unwrap();
    assert_eq!(
        texts(&both[1], CANDLES).await,
        ["2"],
        "a removal takes nothing of others"
    );
    tenancy().remove(&endpoint, &other_room.tenant).await.unwrap();
}

#[tokio::test]
async fn migrations_are_split_where_statements_end() {
    let endpoint = warm::endpoint(SERVICE).await;
    let migrations = Migrations::new()
        .script(
            "1.sql",
            "-- orders; of all kinds
            CREATE TABLE orders (id UInt64, note String DEFAULT 'a;b?') ENGINE = MergeTree ORDER BY id;
            /* SET holds; until the end */ SET max_threads = 1;
            INSERT INTO orders (id) SELECT getSetting('max_threads');;
            INSERT INTO orders VALUES (2, 'it''s; \\'?\\'')",
        )
        .function("seed", "1", |way_in| async move {
            let variable = |name: &str| {
                let found = way_in.variables.iter().find(|(variable, _)| *variable == name);
                found.map_or_else(String::new, |(_, value)| value.expose().to_owned())
            };
            Client::default()
                .with_url(variable("CLICKHOUSE_URL"))
                .with_user(variable("CLICKHOUSE_USER"))
                .with_password(variable("CLICKHOUSE_PASSWORD"))
                .with_database(variable("CLICKHOUSE_DATABASE"))
                .query("INSERT INTO orders VALUES (3, 'seed')")
                .execute()
                .await?;
            Ok(())
        });

    let (room, tenant) = make(&endpoint, &migrations).await;

    let client = tenant.connect().await.unwrap();
    let notes = texts(&client, "SELECT note FROM orders ORDER BY id").await;
    assert_eq!(notes, ["a;b?", "it's; '?'", "seed"]);
    tenancy().remove(&endpoint, &room.tenant).await.unwrap();

    let tenant = TenantName::random();
    let broken = migrations.script("2_broken.sql", "SELECT 1; SELEKT 2");
    let error = tenancy().make(&endpoint, &tenant, &broken).await.unwrap_err().in_full();
    assert!(
        error.contains("apply the migration 2_broken.sql") && error.contains("Code: 62"),
        "{error}"
    );
    tenancy().remove(&endpoint, &tenant).await.unwrap();
    assert_eq!(left_of(&endpoint, &tenant).await, Vec::<String>::new());
}

#[rstest]
#[case("after import")]
#[case("'; DROP DATABASE market; -- `é` \\ ?")]
#[tokio::test]
async fn a_restore_brings_back_rows_and_schema_as_often_as_one_likes(#[case] label: &str) {
    let endpoint = warm::endpoint(SERVICE).await;
    let (room, tenant) = make(&endpoint, &Migrations::new()).await;
    let client = tenant.connect().await.unwrap();
    run(&client, TICKS).await;
    run(
        &client,
        "CREATE TABLE `kept ``; \\\\ ?` (a UInt8) ENGINE = Memory AS SELECT 7",
    )
    .await;
    let kept = "SELECT toString(a) FROM `kept ``; \\\\ ?`";
    assert_eq!(texts(&client, kept).await, ["7"]);

    tenancy().snapshot(&endpoint, &room, label).await.unwrap();
    for _ in 0..2 {
        run(&client, TICKS).await;
        run(&client, "DROP TABLE `kept ``; \\\\ ?` SYNC").await;
        run(&client, "CREATE TABLE later (a UInt8) ENGINE = Memory").await;
        assert_eq!(texts(&client, CANDLES).await, ["4"]);

        tenancy().restore(&endpoint, &room, label).await.unwrap();

        assert_eq!(texts(&client, CANDLES).await, ["2"]);
        assert_eq!(texts(&client, "SELECT toString(count()) FROM ticks").await, ["2"]);
        assert_eq!(texts(&client, kept).await, ["7"]);
        assert_eq!(
            texts(
                &client,
                "SELECT name FROM system.tables WHERE database = currentDatabase() AND name = 'later'"
            )
            .await,
            Vec::<String>::new()
        );
    }
    // The views fill their tables again.
    run(&client, TICKS).await;
    assert_eq!(texts(&client, CANDLES).await, ["4"]);

    let error = tenancy()
        .restore(&endpoint, &room, "never taken")
        .await
        .unwrap_err()
        .in_full();
    assert!(error.contains("never taken"), "{error}");
    tenancy().snapshot(&endpoint, &room, label).await.unwrap();
    tenancy().restore(&endpoint, &room, label).await.unwrap();
    assert_eq!(
        texts(&client, CANDLES).await,
        ["4"],
        "the later snapshot has taken the place of the other"
    );
    tenancy().remove(&endpoint, &room.tenant).await.unwrap();
    assert_eq!(left_of(&endpoint, &room.tenant).await, Vec::<String>::new());
}

#[tokio::test]
async fn rows_that_cannot_be_copied_are_told_before_a_snapshot_lacks_them() {
    let endpoint = warm::endpoint(SERVICE).await;
    let (room, tenant) = make(&endpoint, &Migrations::new()).await;
    let client = tenant.connect().await.unwrap();
    run(
        &client,
        "CREATE MATERIALIZED VIEW hidden ENGINE = MergeTree ORDER BY symbol AS SELECT symbol FROM ticks",
    )
    .await;

    let error = tenancy().snapshot(&endpoint, &room, "a").await.unwrap_err();

    assert!(matches!(error, EngineError::NotOffered { .. }), "{error:?}");
    assert!(error.in_full().contains("give it one by TO"), "{error}");
    tenancy().remove(&endpoint, &room.tenant).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn what_is_cut_off_is_removed_by_its_name_alone(#[values(1, 3, 6, 12, 25, 50)] milliseconds: u64) {
    let endpoint = warm::endpoint(SERVICE).await;
    let tenant = TenantName::random();
    let none = Migrations::new();

    let _ = timeout(
        Duration::from_millis(milliseconds),
        tenancy().make(&endpoint, &tenant, &none),
    )
    .await;
    tenancy().remove(&endpoint, &tenant).await.unwrap();
    tenancy().remove(&endpoint, &tenant).await.unwrap();

    sleep(Duration::from_millis(100)).await;
    assert_eq!(left_of(&endpoint, &tenant).await, Vec::<String>::new());
}

#[tokio::test]
async fn tenants_of_a_server_that_the_user_names_begin_with_his_schema() {
    let endpoint = warm::endpoint(SERVICE).await;
    let his = format!("orders_{:08x}", rand::random::<u32>());
    run(&service(&endpoint), &format!("CREATE DATABASE {his}")).await;
    run(
        &service(&endpoint),
        &format!("CREATE TABLE {his}.carts (id UInt8) ENGINE = MergeTree ORDER BY id"),
    )
    .await;
    let variable = |name: &str| match name {
        "CLICKHOUSE_URL" => Some(format!("http://127.0.0.1:{}?database={his}", endpoint.ports[&8123])),
        "CLICKHOUSE_USER" => Some("suho".to_owned()),
        "CLICKHOUSE_PASSWORD" => Some(endpoint.environment["SUHO_CLICKHOUSE_PASSWORD"].expose().to_owned()),
        _ => None,
    };
    let named = Clickhouse.named_by(&variable).unwrap().unwrap();

    Clickhouse.serving(&named).await.unwrap();
    let (room, tenant) = make(&named, &Migrations::new()).await;

    let client = tenant.connect().await.unwrap();
    assert_eq!(
        texts(
            &client,
            "SELECT name FROM system.tables WHERE database = currentDatabase()"
        )
        .await,
        ["carts"]
    );
    tenancy().remove(&named, &room.tenant).await.unwrap();
    run(&service(&endpoint), &format!("DROP DATABASE {his} SYNC")).await;
}

#[tokio::test]
async fn sixteen_tenants_alone_and_sixty_four_sixteen_at_a_time() {
    many(16, 1).await;
    many(64, 16).await;
}

#[tokio::test]
#[ignore = "takes minutes, and both processors"]
async fn a_thousand_tenants_thirty_two_at_a_time() {
    many(1_000, 32).await;
}

/// Makes, uses and removes `total` tenants, `at_once` of them at a time, and prints how long each step took.
async fn many(total: usize, at_once: usize) {
    let endpoint = &warm::endpoint(SERVICE).await;
    let began = Instant::now();
    let times: Vec<[Duration; 3]> = stream::iter(0..total)
        .map(|_| async move {
            let began = Instant::now();
            let (room, tenant) = make(endpoint, &Migrations::new()).await;
            let made = began.elapsed();
            let began = Instant::now();
            let client = tenant.connect().await.unwrap();
            run(&client, TICKS).await;
            assert_eq!(texts(&client, CANDLES).await, ["2"]);
            let used = began.elapsed();
            let began = Instant::now();
            tenancy().remove(endpoint, &room.tenant).await.unwrap();
            [made, used, began.elapsed()]
        })
        .buffer_unordered(at_once)
        .collect()
        .await;
    println!("{total} tenants, {at_once} at a time, in {:.1?}", began.elapsed());
    pace::tell(["made", "wrote and read", "removed"], &times);
}

#[tokio::test]
async fn eight_who_make_rooms_at_once_get_one_each() {
    let endpoint = warm::endpoint(SERVICE).await;
    let none = Migrations::new();

    let made = join_all((0..8).map(|_| make(&endpoint, &none))).await;

    for (room, tenant) in &made {
        let client = tenant.connect().await.unwrap();
        assert_eq!(texts(&client, "SELECT currentDatabase()").await, [room.tenant.as_str()]);
        tenancy().remove(&endpoint, &room.tenant).await.unwrap();
    }
}
