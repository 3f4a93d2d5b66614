//! The scene of one check: a connection, and a stream of a scratch name that is deleted whatever happens.

use std::error::Error;
use std::time::{Duration, Instant};

use async_nats::Request;
use async_nats::jetstream::consumer::{PullConsumer, pull};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::stream::{Config, State, Stream};
use async_nats::jetstream::{Context, ErrorCode};
use futures::TryFutureExt;
use serde::Serialize;
use serde_json::Value;

use super::super::super::asking::{eventually, prove_and_remove};
use super::super::super::scratch::Scratch;
use super::super::super::{Endpoint, EngineError};
use super::super::client;
use super::{PATIENCE, milliseconds};

/// What stands before a name of ours in the name of the stream beneath: nothing, …
pub(super) const STREAM: &str = "";
/// … or this for a key-value bucket, …
pub(super) const BUCKET: &str = "KV_";
/// … or this for an object store.
pub(super) const OBJECTS: &str = "OBJ_";

/// Where a check plays.
pub(super) struct Scene<'a> {
    pub endpoint: &'a Endpoint,
    pub jetstream: Context,
    /// The name of the stream or the bucket. A stream takes it as its subject, with all that lie below.
    pub name: String,
    prefix: &'static str,
}

impl<'a> Scene<'a> {
    /// Connects, and creates nothing yet.
    pub(super) async fn open(endpoint: &'a Endpoint, prefix: &'static str) -> Result<Self, EngineError> {
        Self::reopen(endpoint, prefix, Scratch::new().name).await
    }

    /// Connects to the scene of that name.
    pub(super) async fn reopen(
        endpoint: &'a Endpoint,
        prefix: &'static str,
        name: String,
    ) -> Result<Self, EngineError> {
        Ok(Self {
            endpoint,
            jetstream: client::connect(endpoint).await?,
            name,
            prefix,
        })
    }

    /// Runs `proof`, and deletes the stream whatever came of it.
    pub(super) async fn prove<T>(
        &self,
        proof: impl Future<Output = Result<T, EngineError>> + Send,
    ) -> Result<T, EngineError> {
        let stream = format!("{}{}", self.prefix, self.name);
        let removal = client::delete_stream(self.endpoint, &self.jetstream, &stream);
        prove_and_remove(self.endpoint, Box::pin(proof), removal).await
    }

    /// `config` under the name of this scene, and the subjects that it takes.
    pub(super) fn named(&self, config: &Config) -> Config {
        Config {
            name: self.name.clone(),
            subjects: vec![self.name.clone(), self.below(">")],
            ..config.clone()
        }
    }

    /// A subject below the stream's own.
    pub(super) fn below(&self, subject: &str) -> String {
        format!("{}.{subject}", self.name)
    }

    /// Creates the stream.
    pub(super) async fn stream(&self, config: &Config) -> Result<Stream, EngineError> {
        // Boxed, as is the next one: the client's futures are larger than all that contains them.
        Box::pin(self.jetstream.create_stream(self.named(config)))
            .await
            .map_err(self.endpoint.failed(format!("create the stream {}", self.name)))
    }

    /// Creates a consumer of the stream.
    pub(super) async fn consumer(&self, config: &pull::Config) -> Result<PullConsumer, EngineError> {
        let created = self
            .jetstream
            .create_consumer_on_stream(config.clone(), self.name.as_str());
        Box::pin(created)
            .await
            .map_err(self.endpoint.failed(format!("create a consumer of {}", self.name)))
    }

    /// Publishes `message`, which the stream owes to store.
    pub(super) async fn store(&self, message: PublishMessage) -> Result<PublishAck, EngineError> {
        self.store_at(&self.name, message).await
    }

    /// As [`Self::store`], to a subject below the stream's own.
    pub(super) async fn store_at(&self, subject: &str, message: PublishMessage) -> Result<PublishAck, EngineError> {
        let publishing = format!("publish to {subject}");
        self.jetstream
            .send_publish(subject.to_owned(), message)
            .await
            .map_err(self.endpoint.failed(&publishing))?
            .await
            .map_err(self.endpoint.failed(publishing))
    }

    /// Stores `count` messages that [`payload`] makes, one after the other.
    pub(super) async fn store_many(&self, count: u64) -> Result<(), EngineError> {
        for number in 1..=count {
            self.store(PublishMessage::build().payload(payload(number).into()))
                .await?;
        }
        Ok(())
    }

    /// Publishes `message`, which the stream owes to refuse with `code`; its words.
    pub(super) async fn is_refused(
        &self,
        action: &str,
        message: PublishMessage,
        code: ErrorCode,
    ) -> Result<String, EngineError> {
        let message = message.outbound_message(self.name.clone());
        let mut request = Request::new().payload(message.payload);
        if let Some(headers) = message.headers {
            request = request.headers(headers);
        }
        let answer = self
            .jetstream
            .client()
            .send_request(self.name.clone(), request)
            .await
            .map_err(self.endpoint.failed(action))?;
        let answer = serde_json::from_slice(&answer.payload).map_err(self.endpoint.failed(action))?;
        self.refusal(action, answer, code)
    }

    /// Sends `config` to the interface of `JetStream` at `subject`, which owes to refuse it with `code`; its words.
    pub(super) async fn is_not_created(
        &self,
        action: &str,
        subject: String,
        config: &(impl Serialize + Sync),
        code: ErrorCode,
    ) -> Result<String, EngineError> {
        let answer = self
            .jetstream
            .request(subject, config)
            .await
            .map_err(self.endpoint.failed(action))?;
        self.refusal(action, answer, code)
    }

    fn refusal(&self, action: &str, answer: Response<Value>, code: ErrorCode) -> Result<String, EngineError> {
        match answer {
            Response::Err { error } if error.error_code() == code => Ok(error.to_string()),
            Response::Err { error } => Err(self.endpoint.failed(action)(error)),
            Response::Ok(answer) => {
                let expected = format!("a refusal with the error code {}", code.0);
                Err(self.endpoint.unexpected(action, expected, answer.to_string()))
            }
        }
    }

    /// What the server says of the stream's messages now.
    pub(super) async fn state(&self, stream: &Stream) -> Result<State, EngineError> {
        let info = stream.get_info().await.map_err(self.failed("ask for the state"))?;
        Ok(info.state)
    }

    /// The sequence and payload of every message that the stream still has, read one by one.
    pub(super) async fn kept(&self, stream: &Stream) -> Result<Vec<(u64, String)>, EngineError> {
        let state = self.state(stream).await?;
        let mut kept = Vec::new();
        for sequence in state.first_sequence..=state.last_sequence {
            let message = stream
                .get_raw_message(sequence)
                .await
                .map_err(self.failed("read a message"))?;
            kept.push((sequence, String::from_utf8_lossy(&message.payload).into_owned()));
        }
        Ok(kept)
    }

    /// Waits until `is_gone`, which it owes not to be sooner than `life` after `since`; how long it was there.
    pub(super) async fn lives<A>(
        &self,
        action: &str,
        since: Instant,
        life: Duration,
        mut is_gone: impl FnMut() -> A,
    ) -> Result<Duration, EngineError>
    where
        A: Future<Output = Result<bool, EngineError>>,
    {
        let gone = eventually(PATIENCE, || is_gone().map_ok(|is_gone| is_gone.then_some(()))).await?;
        let lived = since.elapsed();
        if gone.is_none() {
            let found = format!("there still after {}", milliseconds(lived));
            return Err(self.endpoint.unexpected(action, "gone", found));
        }
        self.not_before(action, life, lived)
    }

    /// `waited`, where it is no less than the engine owed to wait.
    pub(super) fn not_before(&self, action: &str, owed: Duration, waited: Duration) -> Result<Duration, EngineError> {
        if waited < owed {
            let expected = format!("not before {}", milliseconds(owed));
            return Err(self
                .endpoint
                .unexpected(action, expected, format!("after {}", milliseconds(waited))));
        }
        Ok(waited)
    }

    /// Wraps what a client said when `action` failed on the stream of this scene.
    pub(super) fn failed<E>(&self, action: &str) -> impl FnOnce(E) -> EngineError
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.endpoint.failed(format!("{action} of {}", self.name))
    }
}

/// What the message of a number carries.
pub(super) fn payload(number: u64) -> String {
    format!("tick {number}")
}

/// The sequences from `first` to `last`, each with what [`payload`] put into it.
pub(super) fn numbered(first: u64, last: u64) -> Vec<(u64, String)> {
    (first..=last).map(|number| (number, payload(number))).collect()
}
