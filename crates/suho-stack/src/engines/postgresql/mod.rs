//! `TimescaleDB`: `PostgreSQL` with hypertables.
//!
//! # Layout
//! - [`backup`]: every database by `pg_dump`, and back.
//! - `base_backup`: the files of all of them, by `pg_basebackup`.
//! - `candles`: candles of ticks in a hypertable.
//! - [`client`]: one session as the service user.
//! - [`known`]: the names that it knows, and what is wrong with others.
//! - [`readiness`]: the marker row, the extension and the version, in one query.
//! - [`round_trip`]: a table in the schema `scratch`.
//! - `remembering`: when each engine was last backed up, where the exporter reads it.
//! - [`features`]: what the platform relies on, proved on scratch tables.
//! - [`settings`]: every line and every variable against what the live server says.
//! - [`tenants`]: a database and a role for each tenant, cloned from a sealed template.

#[cfg(all(feature = "clickhouse", feature = "kafka", feature = "nats", feature = "postgresql"))]
pub(crate) mod candles;
pub mod features;

mod backup;
mod base_backup;
mod client;
pub mod known;
mod readiness;
mod remembering;
mod round_trip;
mod settings;
mod tenants;

use std::sync::Arc;

use async_trait::async_trait;
use tokio_postgres::error::SqlState;

use super::asking::{Stranger, both_refused, serves, until_answered};
use super::scratch::wrong_password;
use super::{Backup, Endpoint, Engine, EngineError, Feature, Finding, Objection, Refusals, Subject, Tenancy, Waiting};
use crate::deployment::{Files, Service, Setting};

pub use tenants::PostgresqlTenant;

/// `PostgreSQL` with the `TimescaleDB` extension.
#[derive(Debug)]
pub struct Postgresql;

#[async_trait]
impl Engine for Postgresql {
    fn service(&self) -> &'static str {
        "suho-postgresql"
    }

    async fn ready(&self, endpoint: &Endpoint, waiting: &Waiting) -> String {
        until_answered(waiting, || readiness::ask(endpoint)).await
    }

    async fn serving(&self, endpoint: &Endpoint) -> Result<(), EngineError> {
        serves(endpoint, || readiness::greet(endpoint)).await
    }

    async fn round_trip(&self, endpoint: &Endpoint) -> Result<String, EngineError> {
        round_trip::run(endpoint).await
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
        Ok(vec![("DATABASE_URL", client::url(endpoint)?)])
    }

    fn named_by(&self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Endpoint>, EngineError> {
        variable("DATABASE_URL").map(|url| tenants::named(&url)).transpose()
    }

    fn tenancy(&self) -> Option<Arc<dyn Tenancy>> {
        Some(Arc::new(tenants::Databases::default()))
    }

    fn lend(&self, service: &mut Service, files: Files) -> Result<Files, EngineError> {
        Ok(tenants::lend(service, files))
    }

    fn backup(&self) -> Result<&'static dyn Backup, &'static str> {
        Ok(&backup::Dumps)
    }
}

/// Tries to log in without the password.
///
/// The stranger without one answers the server's question with nothing, so that the refusal is the server's own word;
/// a client that stays silent would hang up on the question itself.
async fn knock(endpoint: &Endpoint, stranger: Stranger) -> Result<String, EngineError> {
    let password = match stranger {
        Stranger::WrongPassword => wrong_password(),
        Stranger::NoPassword => String::new(),
    };
    let Err(error) = client::log_in(endpoint, &password).await? else {
        return Err(stranger.was_let_in(endpoint));
    };
    match error.as_db_error() {
        Some(words) if is_refusal(words.code()) => Ok(format!("{}: {}", words.code().code(), words.message())),
        _ => Err(endpoint.failed(stranger.action())(error)),
    }
}

/// Whether the server turned the client away because of who it is.
fn is_refusal(code: &SqlState) -> bool {
    *code == SqlState::INVALID_PASSWORD || *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION
}

#[cfg(test)]
mod tests {
    use super::super::endpoint::tests::local;
    use super::*;

    #[test]
    fn only_the_codes_of_a_refused_login_are_refusals() {
        assert!(is_refusal(&SqlState::INVALID_PASSWORD));
        assert!(is_refusal(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION));
        assert!(!is_refusal(&SqlState::CANNOT_CONNECT_NOW));
        assert!(!is_refusal(&SqlState::TOO_MANY_CONNECTIONS));
    }

    #[test]
    fn the_url_logs_in_as_the_service_user() {
        let endpoint = local(
            "suho-postgresql",
            &[(5432, 40001)],
            &[("SUHO_POSTGRESQL_PASSWORD", "pg1")],
        );

        let variables = Postgresql.variables(&endpoint).ok();

        let url = "postgres://suho:pg1@127.0.0.1:40001/suho".to_owned();
        assert_eq!(variables, Some(vec![("DATABASE_URL", url)]));
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_has_refused_nobody() {
        let endpoint = local("suho-postgresql", &[(5432, 1)], &[("SUHO_POSTGRESQL_PASSWORD", "pg1")]);

        let outcome = Postgresql.refuse_strangers(&endpoint).await;

        assert!(matches!(outcome, Err(EngineError::Failed { .. })), "{outcome:?}");
    }
}
