//! The streams that the platform relies on.

use async_nats::jetstream::response::Response;
use async_nats::jetstream::{Context, ErrorCode};
use serde_json::Value;

use super::super::{Endpoint, EngineError};
use super::client;
use crate::deployment::StreamDeclaration;

/// Creates those that are missing.
pub(super) async fn declare(endpoint: &Endpoint, streams: &[StreamDeclaration]) -> Result<(), EngineError> {
    if streams.is_empty() {
        return Ok(());
    }
    let jetstream = client::connect(endpoint).await?;
    for stream in streams {
        create(endpoint, &jetstream, stream).await?;
    }
    Ok(())
}

/// Sends the declaration word for word: the client's own type would drop what it does not know, and the server refuses it.
///
/// A stream that exists with the same configuration is created again without an error, one with another is left alone.
async fn create(endpoint: &Endpoint, jetstream: &Context, stream: &StreamDeclaration) -> Result<(), EngineError> {
    let creating = format!("create the stream {}", stream.name);
    let subject = format!("STREAM.CREATE.{}", stream.name);
    let answer: Response<Value> = jetstream
        .request(subject, &stream.config)
        .await
        .map_err(endpoint.failed(&creating))?;
    match answer {
        Response::Ok(_) => Ok(()),
        Response::Err { error } if error.error_code() == ErrorCode::STREAM_NAME_EXIST => Ok(()),
        Response::Err { error } => Err(endpoint.failed(creating)(error)),
    }
}
