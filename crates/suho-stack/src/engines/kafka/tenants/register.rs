//! The log by which processes agree on who is which user: a topic of one partition.
//!
//! Creating a topic would be a test-and-set as well, but one that takes as long as its deletion, and the rights themselves are
//! no register: the broker adds to them whatever it is told. An offset is given once.

use std::io;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{sleep, timeout};

use super::super::super::tenancy::places::{Log, Numbered};
use super::super::super::{Endpoint, EngineError};
use super::super::log_in;
use super::super::wire::{Batch, Identity, Wire};

const TOPIC: &str = "suho.tenants";
/// Nothing of it may vanish by itself.
const CONFIG: &[(&str, &str)] = &[
    ("cleanup.policy", "delete"),
    ("retention.ms", "-1"),
    ("retention.bytes", "-1"),
];
const TOPIC_ALREADY_EXISTS: i16 = 36;
/// How long a topic that was just made may take until its partition has a leader.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(25);

/// The records of the topic.
pub(super) struct Entries<'a> {
    endpoint: &'a Endpoint,
    wire: Wire,
}

impl<'a> Entries<'a> {
    /// Makes the topic where it is not there yet.
    pub(super) async fn open(endpoint: &'a Endpoint) -> Result<Self, EngineError> {
        let mut entries = Self {
            endpoint,
            wire: log_in(endpoint).await?,
        };
        let beginning = entries.wire.beginning(TOPIC).await;
        if beginning
            .map_err(endpoint.failed("find the topic of tenants"))?
            .is_err()
        {
            entries.create().await?;
        }
        Ok(entries)
    }

    async fn create(&mut self) -> Result<(), EngineError> {
        let creating = format!("create the topic {TOPIC}");
        let created = self.wire.create_topic(TOPIC, 1, CONFIG).await;
        match created.map_err(self.endpoint.failed(&creating))? {
            Ok(()) | Err((TOPIC_ALREADY_EXISTS, _)) => {}
            Err((code, message)) => {
                return Err(self.endpoint.failed(creating)(format!("error {code}: {message}")));
            }
        }
        let led = async {
            while self.wire.beginning(TOPIC).await?.is_err() {
                sleep(PAUSE).await;
            }
            Ok::<_, io::Error>(())
        };
        let led = timeout(PATIENCE, led)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        led.map_err(self.endpoint.failed(creating))
    }

    async fn fetch_all(&mut self) -> io::Result<Vec<Numbered>> {
        let mut entries: Vec<Numbered> = Vec::new();
        // Between the two questions somebody may have forgotten what was the beginning.
        let mut next = self.wire.beginning(TOPIC).await?.map_err(code)?;
        loop {
            let (end, records) = self.wire.fetch(TOPIC, next).await?;
            for (offset, value) in records.into_iter().filter(|(offset, _)| *offset >= next) {
                entries.push((u64::try_from(offset).map_err(io::Error::other)?, value));
            }
            next = entries.last().map_or(next, |(offset, _)| offset.cast_signed() + 1);
            if next >= end {
                return Ok(entries);
            }
        }
    }
}

fn code(code: i16) -> io::Error {
    io::Error::other(format!("error {code}"))
}

#[async_trait]
impl Log for Entries<'_> {
    async fn append(&mut self, entry: Vec<u8>) -> Result<(), EngineError> {
        const WRITING: &str = "write who is which user";
        let batch = Batch {
            identity: Identity::NONE,
            sequence: -1,
            value: &entry,
        };
        let stored = self.wire.produce(TOPIC, &batch).await;
        let stored = stored.map_err(self.endpoint.failed(WRITING))?;
        stored.map(drop).map_err(code).map_err(self.endpoint.failed(WRITING))
    }

    async fn read(&mut self) -> Result<Vec<Numbered>, EngineError> {
        const ATTEMPTS: usize = 3;
        let mut attempt = 1;
        loop {
            match self.fetch_all().await {
                Err(error) if attempt == ATTEMPTS => {
                    return Err(self.endpoint.failed("read who is which user")(error));
                }
                Err(_) => attempt += 1,
                Ok(entries) => return Ok(entries),
            }
        }
    }

    async fn forget(&mut self, before: u64) -> Result<(), EngineError> {
        let forgotten = self.wire.forget(TOPIC, before.cast_signed()).await;
        forgotten.map_err(self.endpoint.failed("forget who was which user"))
    }
}
