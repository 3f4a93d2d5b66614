//! Those who watch the engines: Prometheus, Grafana, and the exporters.
//!
//! # Layout
//! - here: what each of them is asked, and where.
//! - [`client`]: the questions that Prometheus answers.
//! - [`dashboards`]: the queries that Grafana would ask.
//! - [`features`]: every target is up, every rule and dashboard speaks of metrics that exist, each with its check.
//! - [`promql`]: the metrics that an expression names.

pub mod client;
mod dashboards;
pub mod features;
mod promql;

use async_trait::async_trait;

use super::asking::until_answered;
use super::http::Caller;
use super::{Endpoint, Engine, EngineError, Feature, Finding, Objection, Refusals, SettingVerdict, Subject, Waiting};
use crate::deployment::Setting;

/// The compose service of Prometheus, which knows what all the others tell.
pub const PROMETHEUS: &str = "suho-prometheus";

/// One of those who watch.
#[derive(Debug)]
pub struct Watcher {
    service: &'static str,
    port: u16,
    /// Answered with success as soon as it serves.
    path: &'static str,
    /// The variable that tells programs where it is.
    variable: Option<&'static str>,
    strangers: &'static str,
    features: &'static [Feature],
}

/// All of them, in the order of the compose files.
pub static WATCHERS: &[&dyn Engine] = &[
    &Watcher {
        service: PROMETHEUS,
        port: 9090,
        path: "/-/ready",
        variable: Some("PROMETHEUS_URL"),
        strangers: "it has no password, and is published on the loopback alone",
        features: features::FEATURES,
    },
    &Watcher {
        service: "suho-grafana",
        port: 3000,
        path: "/api/health",
        variable: Some("GRAFANA_URL"),
        strangers: "its own pages ask for the password; what is asked here, its health, does not",
        features: &[],
    },
    &exporter("suho-postgres-exporter", 9187),
    &exporter("suho-nats-exporter", 7777),
    &exporter("suho-dragonflydb-exporter", 9121),
    &exporter("suho-kafka-exporter", 9308),
];

const fn exporter(service: &'static str, port: u16) -> Watcher {
    Watcher {
        service,
        port,
        path: "/metrics",
        variable: None,
        strangers: "it tells metrics alone, to the stack's network alone",
        features: &[],
    }
}

#[async_trait]
impl Engine for Watcher {
    fn service(&self) -> &'static str {
        self.service
    }

    async fn ready(&self, endpoint: &Endpoint, waiting: &Waiting) -> String {
        until_answered(waiting, || self.ask(endpoint)).await
    }

    async fn round_trip(&self, endpoint: &Endpoint) -> Result<String, EngineError> {
        self.ask(endpoint).await?;
        Ok(format!("answered {}", self.path))
    }

    async fn refuse_strangers(&self, _endpoint: &Endpoint) -> Result<Refusals, EngineError> {
        Ok(Refusals::NotOffered(self.strangers))
    }

    async fn prove_settings(&self, _subject: &Subject<'_>, settings: &[Setting]) -> Result<Vec<Finding>, EngineError> {
        let reason = "it watches the engines and holds none of their settings";
        let finding = Finding {
            effective: None,
            origin: None,
            verdict: SettingVerdict::NotAskable {
                reason: reason.to_owned(),
            },
        };
        Ok(vec![finding; settings.len()])
    }

    fn object(&self, settings: &[Setting]) -> Vec<Option<Objection>> {
        vec![None; settings.len()]
    }

    fn features(&self) -> &'static [Feature] {
        self.features
    }

    fn variables(&self, endpoint: &Endpoint) -> Result<Vec<(&'static str, String)>, EngineError> {
        let Some(variable) = self.variable else {
            return Ok(Vec::new());
        };
        Ok(vec![(variable, format!("http://{}", endpoint.address(self.port)?))])
    }
}

impl Watcher {
    /// Asks once; the version where it tells one.
    async fn ask(&self, endpoint: &Endpoint) -> Result<String, EngineError> {
        let caller = Caller::new(endpoint, format!("http://{}", endpoint.address(self.port)?), None)?;
        let answer = caller.text(self.path, &format!("ask for {}", self.path)).await?;
        Ok(match self.service {
            PROMETHEUS => client::Prometheus::of(endpoint)?.version().await?,
            _ => version_in(&answer).unwrap_or("-").to_owned(),
        })
    }
}

/// Of `postgres_exporter_build_info{…,version="0.19.1"} 1` or Grafana's `"version": "13.2.2"`; not of the Go that built it.
fn version_in(answer: &str) -> Option<&str> {
    let told = answer
        .lines()
        .filter(|line| line.contains("exporter_build_info") || line.contains("\"version\":"));
    told.filter_map(|line| {
        let (_, rest) = line
            .split_once(",version=\"")
            .or_else(|| line.split_once("\"version\": \""))?;
        rest.split('"').next()
    })
    .find(|version| !version.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exporters_version_is_not_that_of_its_go() {
        let metrics = "go_info{version=\"go1.24\"} 1\npostgres_exporter_build_info{goversion=\"go1.24\",revision=\"\",version=\"0.17.1\"} 1\n";
        assert_eq!(version_in(metrics), Some("0.17.1"));
        assert_eq!(version_in("{\n  \"version\": \"13.2.2\"\n}"), Some("13.2.2"));
        assert_eq!(version_in("up 1\n"), None);
    }
}
