//! The lists of names that `suho config check` goes by, against what the live engines name themselves.

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, ResourceSpecifier},
    client::DefaultClientContext,
};
use suho_stack::{
    engines::{self, Vocabulary, clickhouse, kafka, postgresql},
    stack::{ImageSource, Stack},
};

async fn start(engine: &str) -> Stack {
    let builder = Stack::builder().engines([engine]).images(ImageSource::Airgap);
    builder.start().await.unwrap()
}

fn variable(stack: &Stack, service: &str, name: &str) -> String {
    let variables = engines::by_service(service)
        .unwrap()
        .variables(stack.endpoint(service).unwrap());
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
    let stack = start("postgresql").await;
    let url = variable(&stack, "suho-postgresql", "DATABASE_URL");
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);

    let rows = client.query("SELECT name FROM pg_settings", &[]).await.unwrap();

    let names: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_knows(postgresql::known::settings(), &names, 400);
    connection.abort();
    stack.stop().await.unwrap();
}

#[tokio::test]
async fn every_setting_that_clickhouse_names_is_known() {
    let stack = start("clickhouse").await;
    let endpoint = stack.endpoint("suho-clickhouse").unwrap();
    let client = ::clickhouse::Client::default()
        .with_url(format!("http://127.0.0.1:{}", endpoint.ports[&8123]))
        .with_user("suho")
        .with_password(endpoint.environment["SUHO_CLICKHOUSE_PASSWORD"].expose());

    for (table, list) in clickhouse::known::settings() {
        let query = client.query(&format!("SELECT name FROM system.{table}"));
        let names: Vec<String> = query.fetch_all().await.unwrap();
        assert_knows(list, &names, 300);
    }
    stack.stop().await.unwrap();
}

#[tokio::test]
async fn every_setting_that_kafka_names_is_known() {
    let stack = start("kafka").await;
    let client: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set(
            "bootstrap.servers",
            variable(&stack, "suho-kafka", "KAFKA_BOOTSTRAP_SERVERS"),
        )
        .set(
            "security.protocol",
            variable(&stack, "suho-kafka", "KAFKA_SECURITY_PROTOCOL"),
        )
        .set("sasl.mechanism", variable(&stack, "suho-kafka", "KAFKA_SASL_MECHANISM"))
        .set("sasl.username", variable(&stack, "suho-kafka", "KAFKA_SASL_USERNAME"))
        .set("sasl.password", variable(&stack, "suho-kafka", "KAFKA_SASL_PASSWORD"))
        .create()
        .unwrap();

    let described = client
        .describe_configs(&[ResourceSpecifier::Broker(1)], &AdminOptions::new())
        .await
        .unwrap();

    let entries = &described[0].as_ref().unwrap().entries;
    // What the deployment names itself is not Kafka's.
    let names = entries.iter().map(|entry| entry.name.clone());
    let names: Vec<_> = names.filter(|name| !name.starts_with("listener.name.")).collect();
    assert_knows(kafka::known::settings(), &names, 250);
    stack.stop().await.unwrap();
}
