//! The variables of the service, by their effects: who can log in, and what the first start has left.

use std::collections::BTreeMap;

use tokio_postgres::{Client, error::SqlState};

use super::super::super::proving::{Finding, SettingVerdict};
use super::super::super::{Endpoint, EngineError};
use super::super::client::{self, Account};
use super::View;
use crate::deployment::{Setting, SettingKind};

const IS_SUPERUSER: &str = "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = $1";
/// How a client may come in other than by a SCRAM password.
const OTHER_WAYS: &str =
    "SELECT count(*) FROM pg_catalog.pg_hba_file_rules WHERE auth_method IS DISTINCT FROM 'scram-sha-256'";
const TELEMETRY_JOBS: &str =
    "SELECT count(*) FROM timescaledb_information.jobs WHERE proc_name = 'policy_telemetry' AND scheduled";

/// What the variables have brought about.
pub(super) struct Effects {
    /// Whether the password of each variable lets its role in.
    lets_in: BTreeMap<&'static str, bool>,
    /// Whether the administrator that a variable names is one; none where there is no such role.
    superuser: Option<bool>,
    database: String,
    /// Only the administrator sees them; none where he cannot log in.
    other_ways: Option<i64>,
    telemetry_jobs: i64,
}

impl Effects {
    pub(super) async fn ask(endpoint: &Endpoint, reader: &Client, settings: &[Setting]) -> Result<Self, EngineError> {
        let action = "read what the first start has left";
        let mut lets_in = BTreeMap::new();
        for account in [
            Account::Administrator,
            Account::Service,
            Account::Reader,
            Account::Monitor,
        ] {
            if let Some(password) = value_of(settings, account.password()) {
                let answer = client::log_in_as(endpoint, account, password).await?;
                lets_in.insert(account.password(), is_let_in(endpoint, answer)?);
            }
        }
        let name = value_of(settings, "POSTGRES_USER").unwrap_or_default();
        let role = reader
            .query_opt(IS_SUPERUSER, &[&name])
            .await
            .map_err(endpoint.failed(action))?;
        let database = reader
            .query_one("SELECT current_database()::text", &[])
            .await
            .map_err(endpoint.failed(action))?;
        Ok(Self {
            lets_in,
            superuser: role.map(|row| row.get(0)),
            database: database.get(0),
            other_ways: other_ways(endpoint).await?,
            telemetry_jobs: count(endpoint, reader, TELEMETRY_JOBS).await?,
        })
    }

    pub(super) fn find(&self, setting: &Setting, view: &View) -> Finding {
        let value = setting.value.expose();
        match setting.key.as_str() {
            "POSTGRES_USER" => match self.superuser {
                Some(true) => Finding::in_effect(value, "pg_roles: a superuser"),
                Some(false) => Finding::differs("a role without its rights", "pg_roles"),
                None => Finding::differs("no such role", "pg_roles"),
            },
            "POSTGRES_DB" => Finding::compared(value == self.database, &self.database, "current_database()"),
            "POSTGRES_INITDB_ARGS" => self.initialised_as(value, view),
            "NO_TS_TUNE" => Finding::not_askable(
                "the tuning would write into a file that config_file replaces; each setting in effect is a row of its own",
            ),
            "TIMESCALEDB_TELEMETRY" => self.telemetry(value, view),
            key => match self.lets_in.get(key) {
                Some(true) => Finding::in_effect("(secret)", "its role logged in with it"),
                Some(false) => Finding::differs("another password", "the server refused it: 28P01"),
                None => Finding::without_value(SettingVerdict::Unknown),
            },
        }
    }

    /// Both arguments of `initdb` that the deployment gives.
    fn initialised_as(&self, arguments: &str, view: &View) -> Finding {
        let checksums = view
            .in_force
            .get("data_checksums")
            .is_some_and(|in_force| in_force.setting == "on");
        let Some(other_ways) = self.other_ways else {
            return Finding::not_askable("only the administrator sees pg_hba.conf, and he cannot log in");
        };
        let mut effective = Vec::new();
        if other_ways == 0 {
            effective.push("--auth=scram-sha-256");
        }
        if checksums {
            effective.push("--data-checksums");
        }
        let effective = effective.join(" ");
        Finding::compared(
            arguments == effective,
            effective.clone(),
            "data_checksums and the rules of pg_hba.conf",
        )
    }

    fn telemetry(&self, configured: &str, view: &View) -> Finding {
        if let Some(reason) = view.left_out.get("timescaledb.telemetry_level") {
            return Finding::not_offered(reason.clone());
        }
        let effective = if self.telemetry_jobs == 0 { "off" } else { "basic" };
        Finding::compared(configured == effective, effective, "whether its job is scheduled")
    }
}

fn value_of<'a>(settings: &'a [Setting], key: &str) -> Option<&'a str> {
    settings
        .iter()
        .find(|setting| setting.kind == SettingKind::Environment && setting.key == key)
        .map(|setting| setting.value.expose())
}

/// A refusal is an answer; a server that cannot be reached has given none.
fn is_let_in(endpoint: &Endpoint, answer: Result<Client, tokio_postgres::Error>) -> Result<bool, EngineError> {
    match answer {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some(&SqlState::INVALID_PASSWORD) => Ok(false),
        Err(error) => Err(endpoint.failed("log in")(error)),
    }
}

async fn other_ways(endpoint: &Endpoint) -> Result<Option<i64>, EngineError> {
    let password = endpoint.credential(Account::Administrator.password())?;
    match client::log_in_as(endpoint, Account::Administrator, password).await? {
        Ok(administrator) => count(endpoint, &administrator, OTHER_WAYS).await.map(Some),
        Err(error) if error.code() == Some(&SqlState::INVALID_PASSWORD) => Ok(None),
        Err(error) => Err(endpoint.failed("log in as the administrator")(error)),
    }
}

async fn count(endpoint: &Endpoint, client: &Client, query: &str) -> Result<i64, EngineError> {
    let row = client.query_one(query, &[]).await;
    row.map(|row| row.get(0))
        .map_err(endpoint.failed("read what the first start has left"))
}
