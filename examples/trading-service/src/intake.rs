//! Orders on their way, in a stream of NATS.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::{Config, RetentionPolicy};
use async_nats::jetstream::{AckKind, Context, Message};
use futures::StreamExt;

use crate::Error;
use crate::order::Order;

const STREAM: &str = "ORDERS";
const SUBJECTS: &str = "orders.>";
const CONSUMER: &str = "desk";

/// Where the desk takes its orders from.
pub struct Intake {
    consumer: PullConsumer,
}

/// An order that is delivered again unless it is marked done.
pub struct Delivered {
    pub order: Order,
    message: Message,
}

/// Sends an order to the desk. Sent again within minutes, the stream takes it for the same.
pub async fn send(jetstream: &Context, order: &Order) -> Result<(), Error> {
    let mut headers = HeaderMap::new();
    headers.insert(NATS_MESSAGE_ID, format!("{}/{}", order.account, order.number));
    let subject = format!("orders.{}", order.symbol);
    let payload = serde_json::to_vec(order)?;
    jetstream
        .publish_with_headers(subject, headers, payload.into())
        .await?
        .await?;
    Ok(())
}

impl Intake {
    /// Opens the stream of the deployment; makes it where it is missing.
    pub async fn open(jetstream: &Context) -> Result<Self, Error> {
        let stream = jetstream
            .get_or_create_stream(Config {
                name: STREAM.to_owned(),
                subjects: vec![SUBJECTS.to_owned()],
                retention: RetentionPolicy::WorkQueue,
                duplicate_window: Duration::from_secs(300),
                ..Config::default()
            })
            .await?;
        let consumer = stream
            .get_or_create_consumer(
                CONSUMER,
                pull::Config {
                    durable_name: Some(CONSUMER.to_owned()),
                    ack_policy: AckPolicy::Explicit,
                    ack_wait: Duration::from_secs(30),
                    ..pull::Config::default()
                },
            )
            .await?;
        Ok(Self { consumer })
    }

    /// The next order, if one comes within `patience`. What nobody can read is dropped.
    pub async fn next(&self, patience: Duration) -> Result<Option<Delivered>, Error> {
        let mut batch = self
            .consumer
            .fetch()
            .max_messages(1)
            .expires(patience)
            .messages()
            .await?;
        let Some(message) = batch.next().await.transpose()? else {
            return Ok(None);
        };
        match serde_json::from_slice(&message.payload) {
            Ok(order) => Ok(Some(Delivered { order, message })),
            Err(error) => {
                message.ack_with(AckKind::Term).await?;
                Err(error.into())
            }
        }
    }
}

impl Delivered {
    /// The order is dealt with, and not delivered again.
    pub async fn done(self) -> Result<(), Error> {
        self.message.double_ack().await
    }
}
