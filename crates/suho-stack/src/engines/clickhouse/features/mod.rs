//! What the platform relies on, each proved in a database of its own.
//!
//! # Layout
//! - here: the checks by name, and the database that one of them runs in.
//! - [`tables`]: partitions, expiry, the last version of a row.
//! - [`candles`]: what a materialised view folds from ticks.
//! - [`accounts`]: what a reader may not, and what a quota counts.
//! - [`kafka`], [`postgresql`]: what the server takes from its neighbours.

pub mod accounts;
pub mod candles;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "postgresql")]
pub mod postgresql;
pub mod tables;

use std::fmt::Debug;

use clickhouse::{Client, RowOwned, RowRead};

use super::super::scratch::Scratch;
use super::super::{Endpoint, EngineError, Feature, Subject};
use super::client;

/// Every check with what it proves.
pub(super) const FEATURES: &[Feature] = &[
    Feature {
        name: "partitions",
        claim: "a day's rows are a partition, and a query of one day reads no other",
        restarts: false,
        check: |subject| Box::pin(tables::partitions(subject, tables::BY_DAY)),
    },
    Feature {
        name: "expiry",
        claim: "rows that are older than their table's TTL are gone after a merge",
        restarts: false,
        check: |subject| Box::pin(tables::expiry(subject, tables::NINETY_DAYS)),
    },
    Feature {
        name: "candles",
        claim: "candles that a materialised view folds from ticks are those that we compute, to the last digit",
        restarts: false,
        check: |subject| Box::pin(candles::candles(subject, candles::CANDLES)),
    },
    Feature {
        name: "last-version",
        claim: "of a row's versions FINAL reads the highest, in whatever order they came",
        restarts: false,
        check: |subject| Box::pin(tables::last_version(subject, tables::BY_VERSION)),
    },
    Feature {
        name: "read-only",
        claim: "a reader reads, and writes nothing",
        restarts: false,
        check: |subject| Box::pin(accounts::read_only(subject, accounts::Account::Reader)),
    },
    Feature {
        name: "constraints",
        claim: "a reader's query sets nothing beyond the constraints of his profile",
        restarts: false,
        check: |subject| Box::pin(accounts::constraints(subject, accounts::BEYOND)),
    },
    Feature {
        name: "memory-limit",
        claim: "a query ends at its memory limit, and takes no other along",
        restarts: false,
        check: |subject| Box::pin(accounts::memory_limit(subject, accounts::LITTLE_MEMORY)),
    },
    Feature {
        name: "quota",
        claim: "a user who has used up his quota is refused",
        restarts: false,
        check: |subject| Box::pin(accounts::quota(subject, accounts::TWO_QUERIES)),
    },
    #[cfg(feature = "kafka")]
    Feature {
        name: "kafka-engine",
        claim: "what is produced to a topic of the stack's Kafka is in a table, each message once",
        restarts: false,
        check: |subject| Box::pin(kafka::kafka_engine(subject, Address::OfTheStack)),
    },
    #[cfg(feature = "postgresql")]
    Feature {
        name: "postgresql-function",
        claim: "the stack's TimescaleDB is read by a table function, row by row",
        restarts: false,
        check: |subject| Box::pin(postgresql::postgresql_function(subject, Address::OfTheStack)),
    },
];

/// Where a neighbour is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address<'a> {
    /// Where the stack's network has it.
    OfTheStack,
    /// Elsewhere: `host:port`.
    At(&'a str),
}

impl Address<'_> {
    #[cfg(any(feature = "kafka", feature = "postgresql"))]
    fn or(self, of_the_stack: String) -> String {
        match self {
            Self::OfTheStack => of_the_stack,
            Self::At(address) => address.to_owned(),
        }
    }
}

/// A database for one check, as the service user sees it.
struct Database<'a> {
    endpoint: &'a Endpoint,
    client: Client,
    name: String,
}

impl<'a> Database<'a> {
    fn of(subject: &Subject<'a>) -> Result<Self, EngineError> {
        Ok(Self {
            endpoint: subject.endpoint,
            client: client::connect(subject.endpoint)?,
            name: Scratch::new().name,
        })
    }

    async fn create(&self) -> Result<(), EngineError> {
        let action = format!("create the database {}", self.name);
        self.run(&action, &format!("CREATE DATABASE {}", self.name)).await
    }

    /// Waits for the data to go: by default it would stay on the disk for minutes.
    async fn remove(&self) -> Result<(), EngineError> {
        let action = format!("drop the database {}", self.name);
        self.run(&action, &format!("DROP DATABASE IF EXISTS {} SYNC", self.name))
            .await
    }

    async fn run(&self, action: &str, statement: &str) -> Result<(), EngineError> {
        client::run(self.endpoint, &self.client, action, statement).await
    }

    /// Compares row by row: the first that is wrong is told, and not all of them.
    fn expect_rows<T: PartialEq + Debug>(&self, action: &str, expected: &[T], found: &[T]) -> Result<(), EngineError> {
        for (expected, found) in expected.iter().zip(found) {
            self.endpoint.expect(action, expected, found)?;
        }
        let count = |rows: usize| format!("{rows} rows");
        self.endpoint
            .expect(action, &count(expected.len()), &count(found.len()))
    }

    async fn rows<T>(&self, action: &str, query: &str) -> Result<Vec<T>, EngineError>
    where
        T: RowOwned + RowRead,
    {
        let rows = self.client.query(query).fetch_all().await;
        rows.map_err(self.endpoint.failed(action))
    }
}
