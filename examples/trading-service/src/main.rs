//! The desk, on the engines that the environment names: `suho env` prints it.

use std::env;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, ServerAddr};
use rdkafka::ClientConfig;
use tokio_postgres::NoTls;
use trading_service::Error;
use trading_service::announcer::Announcer;
use trading_service::book::Book;
use trading_service::desk::Desk;
use trading_service::intake::Intake;

/// Of the platform, unless `EVENTS_TOPIC` names another.
const TOPIC: &str = "orders.events";
const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), Error> {
    let desk = open().await?;
    println!("the desk is open");
    loop {
        tokio::select! {
            outcome = desk.deal(PATIENCE) => match outcome {
                Ok(Some(outcome)) => println!("{}", serde_json::to_string(&outcome)?),
                Ok(None) => {}
                Err(error) => eprintln!("{error}"),
            },
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
    }
}

async fn open() -> Result<Desk, Error> {
    let (client, connection) = tokio_postgres::connect(&variable("DATABASE_URL")?, NoTls).await?;
    tokio::spawn(connection);
    let nats = connect(variable("NATS_URL")?.parse()?).await?;
    let producer = ClientConfig::new()
        .set("bootstrap.servers", variable("KAFKA_BOOTSTRAP_SERVERS")?)
        .set("security.protocol", variable("KAFKA_SECURITY_PROTOCOL")?)
        .set("sasl.mechanism", variable("KAFKA_SASL_MECHANISM")?)
        .set("sasl.username", variable("KAFKA_SASL_USERNAME")?)
        .set("sasl.password", variable("KAFKA_SASL_PASSWORD")?)
        .create()?;
    Ok(Desk {
        intake: Intake::open(&async_nats::jetstream::new(nats)).await?,
        book: Book::new(client),
        announcer: Announcer::new(producer, env::var("EVENTS_TOPIC").unwrap_or_else(|_| TOPIC.to_owned())),
    })
}

/// The client reads neither the user nor the password from a URL.
async fn connect(address: ServerAddr) -> Result<Client, Error> {
    let user = address.username().unwrap_or_default().to_owned();
    let password = address.password().unwrap_or_default().to_owned();
    Ok(ConnectOptions::with_user_and_password(user, password)
        .connect(address)
        .await?)
}

fn variable(name: &str) -> Result<String, Error> {
    env::var(name).map_err(|_| format!("{name} is not set: `suho env` prints the variables of a stack").into())
}
