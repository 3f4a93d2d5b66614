//! Ticks through `JetStream`, from a publisher to a consumer.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::stream::Config;
use futures::TryStreamExt;

use super::super::asking::prove_and_remove;
use super::super::feed::Tick;
use super::super::{Endpoint, EngineError};
use super::client;

/// How long the consumer waits for the last tick.
const PATIENCE: Duration = Duration::from_secs(5);

/// Publishes `ticks` to the stream `name`, which exists only for that, and returns what a consumer fetched of them.
pub(crate) async fn relay(endpoint: &Endpoint, name: &str, ticks: &[Tick]) -> Result<Vec<Tick>, EngineError> {
    let jetstream = client::connect(endpoint).await?;
    let relaying = async {
        let relaying = format!("relay ticks through the stream {name}");
        let stream = jetstream
            .create_stream(Config {
                name: name.to_owned(),
                subjects: vec![name.to_owned()],
                max_bytes: 4 << 20,
                ..Config::default()
            })
            .await
            .map_err(endpoint.failed(&relaying))?;
        for tick in ticks {
            let message = serde_json::to_vec(tick).map_err(endpoint.failed(&relaying))?;
            let stored = jetstream.publish(name.to_owned(), message.into()).await;
            stored
                .map_err(endpoint.failed(&relaying))?
                .await
                .map_err(endpoint.failed(&relaying))?;
        }
        let consumer = stream
            .create_consumer(pull::Config {
                ack_policy: AckPolicy::Explicit,
                ..pull::Config::default()
            })
            .await
            .map_err(endpoint.failed(&relaying))?;
        let mut messages = consumer
            .batch()
            .max_messages(ticks.len())
            .expires(PATIENCE)
            .messages()
            .await
            .map_err(endpoint.failed(&relaying))?;
        let mut relayed = Vec::with_capacity(ticks.len());
        while let Some(message) = messages.try_next().await.map_err(endpoint.failed(&relaying))? {
            relayed.push(serde_json::from_slice(&message.payload).map_err(endpoint.failed(&relaying))?);
            message.ack().await.map_err(endpoint.failed(&relaying))?;
        }
        Ok(relayed)
    };
    prove_and_remove(
        endpoint,
        Box::pin(relaying),
        client::delete_stream(endpoint, &jetstream, name),
    )
    .await
}
