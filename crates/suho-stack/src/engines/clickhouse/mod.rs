//! `ClickHouse` over its HTTP interface.
//!
//! # Layout
//! - `candles`: candles of ticks that the server takes out of a topic of Kafka.
//! - [`backup`]: every table as its statement and its rows, and back.
//! - [`client`]: the official client as the service user, and the code of an exception.
//! - [`features`]: tables, accounts and neighbours that the platform relies on, each in a database of its own.
//! - [`known`]: the names that it knows, and what is wrong with others.
//! - [`round_trip`]: a `MergeTree` table in the database `scratch`.
//! - [`settings`]: both files and the environment against what the server says and does.
//! - [`tenants`]: a database and a user for each tenant.

mod backup;
#[cfg(all(feature = "clickhouse", feature = "kafka", feature = "nats", feature = "postgresql"))]
pub(crate) mod candles;
mod client;
pub mod features;
pub mod known;
mod round_trip;
mod settings;
mod tenants;

use std::sync::Arc;

use async_trait::async_trait;

use super::asking::{Stranger, both_refused, until_answered};
use super::proving::{Feature, Finding, Subject};
use super::{Backup, Endpoint, Engine, EngineError, Objection, Refusals, Tenancy, Waiting};
use crate::deployment::Setting;

pub use tenants::ClickhouseTenant;

/// `ClickHouse`.
#[derive(Debug)]
pub struct Clickhouse;

#[async_trait]
impl Engine for Clickhouse {
    fn service(&self) -> &'static str {
        "suho-clickhouse"
    }

    async fn ready(&self, endpoint: &Endpoint, waiting: &Waiting) -> String {
        until_answered(waiting, || read_marker(endpoint)).await
    }

    async fn round_trip(&self, endpoint: &Endpoint) -> Result<String, EngineError> {
        round_trip::run(endpoint).await
    }

    async fn refuse_strangers(&self, endpoint: &Endpoint) -> Result<Refusals, EngineError> {
        both_refused(endpoint, |stranger| knock(endpoint, stranger)).await
    }

    async fn prove_settings(&self, subject: &Subject<'_>, settings: &[Setting]) -> Result<Vec<Finding>, EngineError> {
        Box::pin(settings::prove(subject.endpoint, settings)).await
    }

    fn object(&self, settings: &[Setting]) -> Vec<Option<Objection>> {
        known::object(settings)
    }

    fn features(&self) -> &'static [Feature] {
        features::FEATURES
    }

    fn variables(&self, endpoint: &Endpoint) -> Result<Vec<(&'static str, String)>, EngineError> {
        Ok(vec![
            ("CLICKHOUSE_URL", client::url(endpoint)?),
            ("CLICKHOUSE_USER", client::user(endpoint).to_owned()),
            ("CLICKHOUSE_PASSWORD", client::password(endpoint)?.to_owned()),
        ])
    }

    fn named_by(&self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Endpoint>, EngineError> {
        tenants::named(variable)
    }

    fn tenancy(&self) -> Option<Arc<dyn Tenancy>> {
        Some(Arc::new(tenants::Databases))
    }

    fn backup(&self) -> Result<&'static dyn Backup, &'static str> {
        Ok(&backup::Tables)
    }
}

/// The server's version, once the table that the initialisation writes last has its row.
///
/// The table is asked rather than `/ping`, which any server answers, also that of the initialisation.
async fn read_marker(endpoint: &Endpoint) -> Result<String, EngineError> {
    if client::is_named_by_user(endpoint) {
        // It was not initialised by the platform, so there is no marker to wait for.
        let version = client::connect(endpoint)?.query("SELECT version()").fetch_one().await;
        return version.map_err(endpoint.failed("ask for its version"));
    }
    let (version, markers): (String, u64) = client::connect(endpoint)?
        .query("SELECT version(), count() FROM infra.init_done")
        .fetch_one()
        .await
        .map_err(endpoint.failed("read the marker of the initialisation"))?;
    if markers == 0 {
        return Err(endpoint.unexpected("finish the initialisation", "a row in infra.init_done", "none"));
    }
    Ok(version)
}

/// Asks for the least that there is, without being known.
async fn knock(endpoint: &Endpoint, stranger: Stranger) -> Result<String, EngineError> {
    let answer = client::stranger(endpoint, stranger)?
        .query("SELECT toUInt8(1)")
        .fetch_one::<u8>()
        .await;
    let Err(error) = answer else {
        return Err(stranger.was_let_in(endpoint));
    };
    client::refusal(&error).ok_or_else(|| endpoint.failed(stranger.action())(error))
}

#[cfg(test)]
mod tests {
    use super::super::endpoint::tests::local;
    use super::*;

    #[test]
    fn the_variables_lead_to_the_published_port() {
        let endpoint = local(
            "suho-clickhouse",
            &[(8123, 40002)],
            &[("SUHO_CLICKHOUSE_PASSWORD", "ch1")],
        );

        let variables = Clickhouse.variables(&endpoint).ok();

        assert_eq!(
            variables,
            Some(vec![
                ("CLICKHOUSE_URL", "http://127.0.0.1:40002".to_owned()),
                ("CLICKHOUSE_USER", "suho".to_owned()),
                ("CLICKHOUSE_PASSWORD", "ch1".to_owned()),
            ])
        );
    }
}
