//! The service against the real engines. Each test has a tenant of its own, so that all of them run at once.
//!
//! # Layout
//! - `desk`: an order on its way through NATS, PostgreSQL and Kafka.
//! - `market`: candles, quotes and instruments alike.
//! - `program`: the service as it is deployed.

mod desk;
mod market;
mod program;

use std::path::Path;
use std::time::Duration;

use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::message::Message;
use rstest::fixture;
use suho_testkit::{Migrations, Tenant, tenant_with};
use tokio::time::timeout;
use trading_service::Error;
use trading_service::announcer::{Announcer, Event};
use trading_service::book::Book;
use trading_service::desk::Desk;
use trading_service::intake::Intake;
use trading_service::order::{Order, Side};

const PATIENCE: Duration = Duration::from_secs(20);
const TOPIC: &str = "orders.events";

/// A tenant whose PostgreSQL has the migrations of this service.
#[fixture]
async fn trader() -> Tenant {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let migrations = Migrations::from_directory(directory).unwrap();
    tenant_with(|tenant| tenant.migrations("postgresql", migrations)).await
}

/// The service in a tenant's rooms, with an account and an instrument.
async fn open_desk(trader: &Tenant) -> Result<Desk, Error> {
    let kafka = trader.kafka().await?;
    kafka.create_topic(TOPIC, 1).await?;
    let desk = Desk {
        intake: Intake::open(&trader.nats().await?.jetstream().await?).await?,
        book: Book::new(trader.postgresql().await?.connect().await?),
        announcer: Announcer::new(kafka.client_config()?.create()?, kafka.topic(TOPIC)?),
    };
    desk.book.open_account("desk-1", "100".parse()?).await?;
    desk.book.list("SUHO").await?;
    Ok(desk)
}

fn order(number: &str, quantity: &str) -> Order {
    Order {
        account: "desk-1".to_owned(),
        number: number.to_owned(),
        symbol: "SUHO".to_owned(),
        side: Side::Buy,
        quantity: quantity.parse().unwrap(),
        limit: "101.25".parse().unwrap(),
    }
}

/// The first `count` events that were announced.
async fn announced(trader: &Tenant, count: usize) -> Result<Vec<Event>, Error> {
    let kafka = trader.kafka().await?;
    let consumer: StreamConsumer = kafka
        .client_config()?
        .set("group.id", kafka.group("auditor")?)
        .set("auto.offset.reset", "earliest")
        .create()?;
    consumer.subscribe(&[&kafka.topic(TOPIC)?])?;
    let mut events = Vec::new();
    while events.len() < count {
        let message = timeout(PATIENCE, consumer.recv()).await??;
        events.push(serde_json::from_slice(message.payload().unwrap_or_default())?);
    }
    Ok(events)
}
