//! The log by which processes agree on who has which account: a stream in the platform's own.

use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::stream::{Config, Stream};
use async_trait::async_trait;
use futures::StreamExt;
use serde_json::json;
use tokio::time::timeout;

use super::super::super::tenancy::places::{Log, Numbered};
use super::super::super::{Endpoint, EngineError};

/// Names of ours in the platform's account.
pub(super) const STREAM: &str = "SUHO_TENANTS";
const SUBJECT: &str = "suho.tenants";
/// How many entries the server sends at once.
const BATCH: usize = 1000;
const PATIENCE: Duration = Duration::from_secs(10);

const READING: &str = "read who has which account";

/// The entries of the stream.
pub(super) struct Entries<'a> {
    endpoint: &'a Endpoint,
    platform: &'a Context,
    stream: Stream,
}

impl<'a> Entries<'a> {
    /// Makes the stream where it is not there yet.
    pub(super) async fn open(endpoint: &'a Endpoint, platform: &'a Context) -> Result<Self, EngineError> {
        let created = platform.create_stream(Config {
            name: STREAM.to_owned(),
            subjects: vec![SUBJECT.to_owned()],
            allow_direct: true,
            ..Config::default()
        });
        let stream = Box::pin(created)
            .await
            .map_err(endpoint.failed(format!("create the stream {STREAM}")))?;
        Ok(Self {
            endpoint,
            platform,
            stream,
        })
    }

    /// The entries from number `first` on that the server sends at once, and whether there are more.
    ///
    /// Asked for directly: a consumer for each look would outlive it by half a minute.
    async fn batch(&self, first: u64) -> Result<(Vec<Numbered>, bool), EngineError> {
        let client = self.platform.client();
        let inbox = client.new_inbox();
        let mut answers = client
            .subscribe(inbox.clone())
            .await
            .map_err(self.endpoint.failed(READING))?;
        let question = json!({"seq": first, "batch": BATCH}).to_string();
        client
            .publish_with_reply(format!("$JS.API.DIRECT.GET.{STREAM}"), inbox, question.into())
            .await
            .map_err(self.endpoint.failed(READING))?;
        let mut entries = Vec::new();
        while let Some(answer) = answers.next().await {
            let headers = answer.headers.unwrap_or_default();
            let number = |name: &str| headers.get(name).and_then(|value| value.as_str().parse().ok());
            match (answer.status.map(|status| status.as_u16()), number("Nats-Sequence")) {
                // The end of the batch.
                (Some(204), _) => {
                    return Ok((
                        entries,
                        number("Nats-Num-Pending").is_some_and(|pending: u64| pending > 0),
                    ));
                }
                // Nothing is there.
                (Some(404), _) => return Ok((entries, false)),
                (None, Some(sequence)) => entries.push((sequence, answer.payload.to_vec())),
                (status, _) => {
                    let found = format!("status {status:?} {}", answer.description.unwrap_or_default());
                    return Err(self.endpoint.unexpected(READING, "entries", found));
                }
            }
        }
        Err(self.endpoint.unexpected(READING, "an end of the entries", "none"))
    }
}

#[async_trait]
impl Log for Entries<'_> {
    async fn append(&mut self, entry: Vec<u8>) -> Result<(), EngineError> {
        const WRITING: &str = "write who has which account";
        self.platform
            .publish(SUBJECT, entry.into())
            .await
            .map_err(self.endpoint.failed(WRITING))?
            .await
            .map(drop)
            .map_err(self.endpoint.failed(WRITING))
    }

    async fn read(&mut self) -> Result<Vec<Numbered>, EngineError> {
        let reading = async {
            let mut entries: Vec<Numbered> = Vec::new();
            loop {
                let first = entries.last().map_or(1, |(number, _)| number + 1);
                let (batch, has_more) = self.batch(first).await?;
                entries.extend(batch);
                if !has_more {
                    return Ok(entries);
                }
            }
        };
        timeout(PATIENCE, reading).await.unwrap_or_else(|_| {
            Err(EngineError::TimedOut {
                service: self.endpoint.service.clone(),
                action: READING.to_owned(),
                limit: PATIENCE,
            })
        })
    }

    async fn forget(&mut self, before: u64) -> Result<(), EngineError> {
        self.stream
            .purge()
            .sequence(before)
            .await
            .map(drop)
            .map_err(self.endpoint.failed("forget who had which account"))
    }
}
