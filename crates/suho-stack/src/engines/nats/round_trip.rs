//! A stream in memory that takes one message and gives it back.

use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::stream::{Config, StorageType};
use futures::StreamExt;

use super::super::asking::and_remove;
use super::super::scratch::Scratch;
use super::super::{Endpoint, EngineError};
use super::client;

/// Creates the stream, publishes with an acknowledgement, fetches, and deletes the stream.
pub(super) async fn run(endpoint: &Endpoint) -> Result<String, EngineError> {
    let jetstream = client::connect(endpoint).await?;
    let scratch = Scratch::new();
    and_remove(
        endpoint,
        Box::pin(check(endpoint, &jetstream, &scratch)),
        client::delete_stream(endpoint, &jetstream, &scratch.name),
    )
    .await?;
    Ok(format!(
        "published a message to the stream {} and fetched it",
        scratch.name
    ))
}

async fn check(endpoint: &Endpoint, jetstream: &Context, scratch: &Scratch) -> Result<(), EngineError> {
    let Scratch { name, value } = scratch;
    let stream = jetstream
        .create_stream(Config {
            name: name.clone(),
            subjects: vec![name.clone()],
            storage: StorageType::Memory,
            max_messages: 1,
            max_bytes: 4096,
            ..Config::default()
        })
        .await
        .map_err(endpoint.failed(format!("create the stream {name}")))?;

    let publishing = format!("publish to {name}");
    jetstream
        .publish(name.clone(), value.clone().into())
        .await
        .map_err(endpoint.failed(&publishing))?
        .await
        .map_err(endpoint.failed(&publishing))?;

    let fetching = format!("fetch from {name}");
    let consumer = stream
        .create_consumer(pull::Config {
            ack_policy: AckPolicy::Explicit,
            ..pull::Config::default()
        })
        .await
        .map_err(endpoint.failed(&fetching))?;
    let mut batch = consumer
        .fetch()
        .max_messages(1)
        .messages()
        .await
        .map_err(endpoint.failed(&fetching))?;
    let Some(message) = batch.next().await else {
        return Err(endpoint.unexpected(&fetching, "a message", "none"));
    };
    let message = message.map_err(endpoint.failed(&fetching))?;
    endpoint.expect(&fetching, value.as_bytes(), &message.payload[..])?;
    message
        .ack()
        .await
        .map_err(endpoint.failed(format!("acknowledge the message of {name}")))
}
