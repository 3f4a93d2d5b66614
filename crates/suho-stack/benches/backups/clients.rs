//! The engines' clients, as a service has them.

use std::time::Duration;

use async_nats::jetstream;
use rdkafka::ClientConfig;
use reqwest::{Client, RequestBuilder};
use suho_stack::stack::Stack;
use tokio_postgres::NoTls;

use crate::Outcome;

/// How long an engine may take for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the data of the benchmark is called.
pub const STILL: &str = "still";
/// What is written while backups are taken.
pub const MOVING: &str = "moving";

pub async fn postgresql(stack: &Stack) -> Outcome<tokio_postgres::Client> {
    let endpoint = stack.endpoint("suho-postgresql").ok_or("PostgreSQL was started")?;
    let (client, connection) = tokio_postgres::Config::new()
        .host(&endpoint.host)
        .port(endpoint.port(5432)?)
        .user("suho_admin")
        .password(endpoint.credential("POSTGRES_PASSWORD")?)
        .dbname("suho")
        .options("-c statement_timeout=0")
        .connect(NoTls)
        .await?;
    tokio::spawn(connection);
    Ok(client)
}

pub fn clickhouse(stack: &Stack) -> Outcome<clickhouse::Client> {
    let endpoint = stack.endpoint("suho-clickhouse").ok_or("ClickHouse was started")?;
    Ok(clickhouse::Client::default()
        .with_url(format!("http://{}", endpoint.address(8123)?))
        .with_user("suho")
        .with_password(endpoint.credential("SUHO_CLICKHOUSE_PASSWORD")?))
}

pub async fn valkey(stack: &Stack, database: u8) -> Outcome<redis::aio::MultiplexedConnection> {
    let endpoint = stack.endpoint("suho-dragonflydb").ok_or("Dragonfly was started")?;
    let password = endpoint.credential("DFLY_requirepass")?;
    let url = format!("redis://:{password}@{}/{database}", endpoint.address(6379)?);
    // A server that forks is silent for longer than the client's half second.
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(Some(PATIENCE));
    let client = redis::Client::open(url)?;
    Ok(client.get_multiplexed_async_connection_with_config(&config).await?)
}

pub async fn nats(stack: &Stack) -> Outcome<async_nats::Client> {
    let endpoint = stack.endpoint("suho-nats-server").ok_or("NATS was started")?;
    let password = endpoint.credential("SUHO_NATS_PASSWORD")?.to_owned();
    let options = async_nats::ConnectOptions::with_user_and_password("suho".to_owned(), password);
    let options = options.request_timeout(Some(PATIENCE));
    Ok(options.connect(endpoint.address(4222)?).await?)
}

pub async fn stream(stack: &Stack, name: &str) -> Outcome<jetstream::Context> {
    let mut context = jetstream::new(nats(stack).await?);
    context.set_timeout(PATIENCE);
    let config = jetstream::stream::Config {
        name: name.to_owned(),
        subjects: vec![format!("{name}.>")],
        ..jetstream::stream::Config::default()
    };
    context.get_or_create_stream(config).await?;
    Ok(context)
}

pub fn kafka(stack: &Stack) -> Outcome<ClientConfig> {
    let endpoint = stack.endpoint("suho-kafka").ok_or("Kafka was started")?;
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", endpoint.address(9092)?)
        .set("security.protocol", "SASL_PLAINTEXT")
        .set("sasl.mechanism", "PLAIN")
        .set("sasl.username", "suho")
        .set("sasl.password", endpoint.credential("SUHO_KAFKA_PASSWORD")?);
    Ok(config)
}

/// A request to Weaviate's REST interface, made by `request` of the address of `path`.
pub fn weaviate(
    stack: &Stack,
    request: impl Fn(&Client, String) -> RequestBuilder,
    path: &str,
) -> Outcome<RequestBuilder> {
    let endpoint = stack.endpoint("suho-weaviate").ok_or("Weaviate was started")?;
    let keys = endpoint.credential("AUTHENTICATION_APIKEY_ALLOWED_KEYS")?;
    let key = keys.split(',').next().unwrap_or_default().to_owned();
    let url = format!("http://{}{path}", endpoint.address(8080)?);
    Ok(request(&Client::new(), url).bearer_auth(key))
}
