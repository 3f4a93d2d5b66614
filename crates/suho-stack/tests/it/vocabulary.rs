//! The lists of names that `suho config check` goes by, against what the live engines name themselves.

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, ResourceSpecifier},
    client::DefaultClientContext,
};
use suho_stack::engines::{self, Vocabulary, clickhouse, kafka, postgresql};

use crate::warm;

async fn variable(service: &str, name: &str) -> String {
    let endpoint = warm::endpoint(service).await;
    let variables = engines::by_service(service).unwrap().variables(&endpoint);
    let found = variables.unwrap().into_iter().find(|(variable, _)| *variable == name);
    found.unwrap().1
}

/// Every one of `names` is in the list; there have to be as many as the engine has at least.
fn assert_knows(list: &Vocabulary, names: &[String], at_least: usize) {
    assert!(
        names.len() >= at_least,
        "the engine named {} settings only",
        names.len()
    );
    let unknown: Vec<_> = names.iter().filter(|name| !list.knows(name)).collect();
    assert!(unknown.is_empty(), "the list lacks {unknown:?}");
}

#[tokio::test]
async fn every_setting_that_postgresql_names_is_known() {
    let url = variable("suho-postgresql", "DATABASE_URL").await;
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);

    let rows = client.query("SELECT name FROM pg_settings", &[]).await.unwrap();

    let names: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_knows(postgresql::known::settings(), &names, 400);
    connection.abort();
}

#[tokio::test]
async fn every_setting_that_clickhouse_names_is_known() {
    let endpoint = warm::endpoint("suho-clickhouse").await;
    let client = ::clickhouse::Client::default()
        .with_url(format!("http://127.0.0.1:{}", endpoint.ports[&8123]))
        .with_user("suho")
        .with_password(endpoint.environment["SUHO_CLICKHOUSE_PASSWORD"].expose());

    for (table, list) in clickhouse::known::settings() {
        let query = client.query(&format!("SELECT name FROM system.{table}"));
        let names: Vec<String> = query.fetch_all().await.unwrap();
        assert_knows(list, &names, 300);
    }
}

#[tokio::test]
async fn every_setting_that_kafka_names_is_known() {
    let mut config = ClientConfig::new();
    for (key, name) in [
        ("bootstrap.servers", "KAFKA_BOOTSTRAP_SERVERS"),
        ("security.protocol", "KAFKA_SECURITY_PROTOCOL"),
        ("sasl.mechanism", "KAFKA_SASL_MECHANISM"),
        ("sasl.username", "KAFKA_SASL_USERNAME"),
        ("sasl.password", "KAFKA_SASL_PASSWORD"),
    ] {
        config.set(key, variable("suho-kafka", name).await);
    }
    let client: AdminClient<DefaultClientContext> = config.create().unwrap();

    let described = client
        .describe_configs(&[ResourceSpecifier::Broker(1)], &AdminOptions::new())
        .await
        .unwrap();

    let entries = &described[0].as_ref().unwrap().entries;
    // What the deployment names itself is not Kafka's.
    let names = entries.iter().map(|entry| entry.name.clone());
    let names: Vec<_> = names.filter(|name| !name.starts_with("listener.name.")).collect();
    assert_knows(kafka::known::settings(), &names, 250);
}
