//! The questions that Prometheus answers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use reqwest::Url;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::super::http::Caller;
use super::super::{Endpoint, EngineError};

const PORT: u16 = 9090;

/// A running Prometheus.
pub struct Prometheus<'a> {
    endpoint: &'a Endpoint,
    caller: Caller<'a>,
}

/// Somebody whom Prometheus asks for metrics.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Where its metrics are.
    pub scrape_url: String,
    /// `up`, `down`, or `unknown` before the first answer.
    pub health: String,
    /// Why it is down; empty where it is up.
    pub last_error: String,
}

/// A rule that Prometheus has read.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// The name of the alert, or that of the recorded metric.
    pub name: String,
    /// Its expression.
    pub query: String,
    /// What it adds to its results.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// `ok`, `err`, or `unknown` before its first evaluation.
    pub health: String,
    /// Why its evaluation failed.
    #[serde(default)]
    pub last_error: String,
    /// `firing`, `pending` or `inactive`; none of a recording.
    pub state: Option<String>,
}

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Targets {
    active_targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Groups {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Build {
    version: String,
}

#[derive(Deserialize)]
struct Found {
    result: Vec<serde_json::Value>,
}

impl<'a> Prometheus<'a> {
    /// The Prometheus at `endpoint`.
    pub fn of(endpoint: &'a Endpoint) -> Result<Self, EngineError> {
        let caller = Caller::new(endpoint, format!("http://{}", endpoint.address(PORT)?), None)?;
        Ok(Self { endpoint, caller })
    }

    /// `2.53.3`
    pub async fn version(&self) -> Result<String, EngineError> {
        let build: Build = self.ask("/api/v1/status/buildinfo", "ask for the version").await?;
        Ok(build.version)
    }

    /// Everybody whom it asks for metrics.
    pub async fn targets(&self) -> Result<Vec<Target>, EngineError> {
        let targets: Targets = self.ask("/api/v1/targets?state=active", "list the targets").await?;
        Ok(targets.active_targets)
    }

    /// The rules that it has read, recordings and alerts.
    pub async fn rules(&self) -> Result<Vec<Rule>, EngineError> {
        let groups: Groups = self.ask("/api/v1/rules", "list the rules").await?;
        Ok(groups.groups.into_iter().flat_map(|group| group.rules).collect())
    }

    /// The names of the metrics that it has now: what was there a while ago and is gone with its consumer is not among them.
    pub async fn names(&self) -> Result<BTreeSet<String>, EngineError> {
        let by_name = self.query(r#"count by (__name__) ({__name__=~".+"})"#).await?;
        let names = by_name
            .iter()
            .filter_map(|series| series["metric"]["__name__"].as_str());
        Ok(names.map(str::to_owned).collect())
    }

    /// How many series `query` gives.
    pub async fn count(&self, query: &str) -> Result<usize, EngineError> {
        Ok(self.query(query).await?.len())
    }

    async fn query(&self, query: &str) -> Result<Vec<serde_json::Value>, EngineError> {
        let action = format!("query {query}");
        let url = Url::parse_with_params("http://prometheus/api/v1/query", [("query", query)])
            .map_err(self.endpoint.failed(&action))?;
        let path = format!("{}?{}", url.path(), url.query().unwrap_or_default());
        let found: Found = self.ask(&path, &action).await?;
        Ok(found.result)
    }

    async fn ask<T: DeserializeOwned>(&self, path: &str, action: &str) -> Result<T, EngineError> {
        let text = self.caller.text(path, action).await?;
        let answer: Answer<T> = serde_json::from_str(&text).map_err(self.endpoint.failed(action))?;
        Ok(answer.data)
    }
}

impl fmt::Debug for Prometheus<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prometheus")
            .field("endpoint", self.endpoint)
            .finish_non_exhaustive()
    }
}
