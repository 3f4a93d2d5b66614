//! `DragonflyDB`, spoken to in the Redis protocol.
//!
//! # Layout
//! - [`backup`]: a snapshot, and a start on it.
//! - [`client`]: a connection that is logged in, the code of a refusal, and what the server says of itself.
//! - `counting`: the keys of a database, with a sum of the hashes of their values.
//! - [`features`]: what the platform relies on, and its checks.
//! - `known`: the names that it knows, and what is wrong with others.
//! - [`settings`]: every flag and variable against the live server.
//! - [`tenants`]: a logical database for each tenant, and a user who cannot leave it.

mod backup;
mod client;
mod counting;
pub mod features;
mod known;
mod settings;
mod tenants;

use std::sync::Arc;

use async_trait::async_trait;
use redis::aio::MultiplexedConnection;
use redis::{AsyncTypedCommands, RedisError};

use super::asking::{Stranger, and_remove, both_refused, serves, until_answered};
use super::scratch::{Scratch, wrong_password};
use super::{Backup, Endpoint, Engine, EngineError, Feature, Finding, Objection, Refusals, Subject, Tenancy, Waiting};
use crate::deployment::Setting;
pub use tenants::DragonflydbTenant;

/// How long a scratch key lives if nobody removes it, in seconds.
const SCRATCH_LIFE: u64 = 60;

/// `DragonflyDB`.
#[derive(Debug)]
pub struct Dragonflydb;

#[async_trait]
impl Engine for Dragonflydb {
    fn service(&self) -> &'static str {
        "suho-dragonflydb"
    }

    async fn ready(&self, endpoint: &Endpoint, waiting: &Waiting) -> String {
        until_answered(waiting, || ask(endpoint)).await
    }

    async fn serving(&self, endpoint: &Endpoint) -> Result<(), EngineError> {
        serves(endpoint, || greet(endpoint)).await
    }

    async fn round_trip(&self, endpoint: &Endpoint) -> Result<String, EngineError> {
        let mut connection = client::connect(endpoint).await?;
        write_and_read(endpoint, &mut connection).await
    }

    async fn refuse_strangers(&self, endpoint: &Endpoint) -> Result<Refusals, EngineError> {
        both_refused(endpoint, |stranger| knock(endpoint, stranger)).await
    }

    async fn prove_settings(&self, subject: &Subject<'_>, settings: &[Setting]) -> Result<Vec<Finding>, EngineError> {
        settings::prove(subject.endpoint, settings).await
    }

    fn object(&self, settings: &[Setting]) -> Vec<Option<Objection>> {
        known::object(settings)
    }

    fn features(&self) -> &'static [Feature] {
        features::FEATURES
    }

    fn variables(&self, endpoint: &Endpoint) -> Result<Vec<(&'static str, String)>, EngineError> {
        Ok(vec![("REDIS_URL", client::url(endpoint)?)])
    }

    fn named_by(&self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Endpoint>, EngineError> {
        let url = variable("REDIS_URL");
        url.map(|url| client::named(self.service(), &url)).transpose()
    }

    fn tenancy(&self) -> Option<Arc<dyn Tenancy>> {
        Some(Arc::new(tenants::LogicalDatabases))
    }

    fn backup(&self) -> Result<&'static dyn Backup, &'static str> {
        Ok(&backup::Snapshot)
    }
}

/// The version, once a key can be written: while a snapshot loads, `INFO` is answered and `PING` and `SET` are not.
async fn ask(endpoint: &Endpoint) -> Result<String, EngineError> {
    let mut connection = client::connect(endpoint).await?;
    connection.ping().await.map_err(endpoint.failed("ping"))?;
    write_and_read(endpoint, &mut connection).await?;
    let info = client::info(endpoint, &mut connection).await?;
    endpoint.version_in(&info)
}

async fn greet(endpoint: &Endpoint) -> Result<(), EngineError> {
    let mut connection = client::connect(endpoint).await?;
    connection.ping().await.map(drop).map_err(endpoint.failed("ping"))
}

async fn write_and_read(endpoint: &Endpoint, connection: &mut MultiplexedConnection) -> Result<String, EngineError> {
    let Scratch { name, value } = Scratch::new();
    let mut remover = connection.clone();
    let check = async {
        connection
            .set_ex(&name, &value, SCRATCH_LIFE)
            .await
            .map_err(endpoint.failed(format!("set {name}")))?;
        let reading = format!("get {name}");
        let found = connection.get(&name).await.map_err(endpoint.failed(&reading))?;
        endpoint.expect(&reading, &Some(value), &found)
    };
    let removal = async {
        let gone = remover.del(&name).await;
        gone.map(drop).map_err(endpoint.failed(format!("delete {name}")))
    };
    and_remove(endpoint, check, removal).await?;
    Ok(format!("set {name} and got it back"))
}

/// Sends the command itself: the client's own login loses the code of the refusal.
async fn knock(endpoint: &Endpoint, stranger: Stranger) -> Result<String, EngineError> {
    let mut connection = client::connect_unknown(endpoint).await?;
    let command = match stranger {
        Stranger::WrongPassword => redis::cmd("AUTH").arg(wrong_password()).take(),
        Stranger::NoPassword => redis::cmd("PING"),
    };
    let answer: Result<String, RedisError> = command.query_async(&mut connection).await;
    let Err(error) = answer else {
        return Err(stranger.was_let_in(endpoint));
    };
    client::refusal(&error).ok_or_else(|| endpoint.failed(stranger.action())(error))
}

impl Endpoint {
    /// The version in the answer to `INFO`, by the name of whoever gave it.
    fn version_in(&self, info: &str) -> Result<String, EngineError> {
        let known = [("dragonfly_version", "Dragonfly"), ("valkey_version", "Valkey")];
        known
            .iter()
            .find_map(|(field, name)| {
                Some(format!(
                    "{name} {}",
                    client::field(info, field)?.trim_start_matches("df-")
                ))
            })
            .ok_or_else(|| self.unexpected("read the version", "that of Dragonfly or Valkey", info))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::endpoint::tests::local;
    use super::*;

    #[rstest]
    #[case(
        "# Server\r\nredis_version:7.4.0\r\ndragonfly_version:df-v1.40.1\r\n",
        "Dragonfly v1.40.1"
    )]
    #[case(
        "# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.1\r\n",
        "Valkey 8.1.1"
    )]
    fn the_version_says_who_serves(#[case] info: &str, #[case] expected: &str) {
        let endpoint = local("suho-dragonflydb", &[], &[]);

        assert_eq!(endpoint.version_in(info).ok().as_deref(), Some(expected));
    }

    #[test]
    fn the_url_carries_the_password_alone() {
        let endpoint = local("suho-dragonflydb", &[(6379, 40003)], &[("DFLY_requirepass", "df1")]);

        let variables = Dragonflydb.variables(&endpoint).ok();

        assert_eq!(
            variables,
            Some(vec![("REDIS_URL", "redis://:df1@127.0.0.1:40003".to_owned())])
        );
    }
}
