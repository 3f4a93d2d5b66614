//! What those who watch the deployment rely on, each with its check.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::client::{Prometheus, Rule};
use super::dashboards::{self, Query};
use super::promql::{engines_in, metrics_in};
use crate::deployment::Files;
use crate::engines::{EngineError, Evidence, Feature, Subject};

/// Two scrapes and an evaluation at their usual intervals: what a stack that has just come up needs to have rates.
const PATIENCE: Duration = Duration::from_secs(50);
const PAUSE: Duration = Duration::from_secs(1);

/// The beginnings of names that need not be there, and why: as long as no name begins so, none of them is missed.
const NOT_OFFERED: &[(&str, &str)] = &[
    ("ALERTS", "no alert was ever on its way"),
    (
        "ClickHouseProfileEvents_FailedQuery",
        "ClickHouse's stand-in names an event once it has happened",
    ),
    (
        "ClickHouseProfileEvents_RejectedInserts",
        "ClickHouse's stand-in names an event once it has happened",
    ),
    ("arangodb_", "ArangoDB is absent"),
    ("rocksdb_", "ArangoDB is absent"),
    ("dragonfly_", "Valkey stands in for Dragonfly"),
    ("redis_", "Dragonfly tells its metrics itself"),
    ("jetstream_consumer_", "no consumer exists"),
    (
        "kafka_consumergroup_lag",
        "no group of consumers has an offset, or nobody tells of them",
    ),
    (
        "kafka_consumergroup_members",
        "no group of consumers exists, or nobody tells of them",
    ),
    ("suho_backup_", "no backup was ever taken"),
    ("suho_replication_slot_", "no replication slot exists"),
];

/// What the deployment's watchers do.
pub static FEATURES: &[Feature] = &[
    Feature {
        name: "targets-up",
        claim: "everybody who is to tell metrics does",
        restarts: false,
        check: |subject| Box::pin(in_time(move || targets_up(subject))),
    },
    Feature {
        name: "rules-evaluated",
        claim: "every recording and every alert is evaluated without an error",
        restarts: false,
        check: |subject| Box::pin(in_time(move || rules_evaluated(subject))),
    },
    Feature {
        name: "metrics-exist",
        claim: "every metric that a rule or a dashboard names exists, or is known to be not offered here",
        restarts: false,
        check: |subject| Box::pin(in_time(move || metrics_exist(subject))),
    },
    Feature {
        name: "dashboards-answered",
        claim: "every query of every dashboard gives data, or asks for what is not offered here",
        restarts: false,
        check: |subject| Box::pin(in_time(move || dashboards_answered(subject))),
    },
];

/// Tries again until it holds: a stack that has just come up was scraped once, or never.
async fn in_time<F>(check: impl Fn() -> F) -> Result<Evidence, EngineError>
where
    F: Future<Output = Result<Evidence, EngineError>>,
{
    let until = Instant::now() + PATIENCE;
    loop {
        match check().await {
            Err(_) if Instant::now() < until => sleep(PAUSE).await,
            outcome => return outcome,
        }
    }
}

async fn targets_up(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    let endpoint = subject.endpoint;
    let targets = Prometheus::of(endpoint)?.targets().await?;
    let down: Vec<_> = targets
        .iter()
        .filter(|target| target.health != "up")
        .map(|target| format!("{} is {} {}", target.scrape_url, target.health, target.last_error))
        .collect();
    endpoint.expect("ask every target", &Vec::<String>::new(), &down)?;
    Ok(Evidence::Proved(format!("{} targets are up", targets.len())))
}

async fn rules_evaluated(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    let endpoint = subject.endpoint;
    let rules = Prometheus::of(endpoint)?.rules().await?;
    let bad: Vec<_> = rules
        .iter()
        .filter(|rule| rule.health != "ok")
        .map(|rule| format!("{}: {} {}", rule.name, rule.health, rule.last_error))
        .collect();
    endpoint.expect("evaluate every rule", &Vec::<String>::new(), &bad)?;
    let alerts = rules.iter().filter(|rule| rule.state.is_some()).count();
    Ok(Evidence::Proved(format!(
        "{alerts} alerts and {} recordings evaluated",
        rules.len() - alerts
    )))
}

async fn metrics_exist(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    let endpoint = subject.endpoint;
    let offer = Offer::of(subject).await?;
    let queries = queries(subject)?;
    let expressions = offer
        .rules
        .iter()
        .map(|rule| rule.query.as_str())
        .chain(queries.iter().map(|query| query.expression.as_str()));
    let named: BTreeSet<&str> = expressions.flat_map(metrics_in).collect();
    let absent: Vec<&str> = named
        .iter()
        .copied()
        .filter(|name| !offer.live.contains(*name))
        .collect();
    let missed: Vec<&str> = absent.iter().copied().filter(|name| offer.holds(name, "")).collect();
    endpoint.expect("find every metric that is named", &Vec::<&str>::new(), &missed)?;
    let reasons: BTreeSet<_> = absent
        .iter()
        .filter_map(|name| why_not_offered(name, &offer.live))
        .collect();
    let reasons = reasons.into_iter().collect::<Vec<_>>().join("; ");
    Ok(Evidence::Proved(format!(
        "{} of {} metrics exist{}{reasons}",
        named.len() - absent.len(),
        named.len(),
        if absent.is_empty() {
            ""
        } else {
            ", the rest is not offered here: "
        }
    )))
}

async fn dashboards_answered(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    let endpoint = subject.endpoint;
    let prometheus = Prometheus::of(endpoint)?;
    let offer = Offer::of(subject).await?;
    let queries = queries(subject)?;
    let (asked, beside): (Vec<_>, Vec<_>) = queries.iter().partition(|query| offer.answers(&query.expression));
    let mut empty = Vec::new();
    for query in &asked {
        if prometheus.count(&query.expression).await? == 0 {
            empty.push(query.panel.as_str());
        }
    }
    endpoint.expect("find data for every panel", &Vec::<&str>::new(), &empty)?;
    Ok(Evidence::Proved(format!(
        "{} queries gave data, {} ask for what is not offered here",
        asked.len(),
        beside.len()
    )))
}

/// The queries of this library's own dashboards: a Grafana may run elsewhere, and shows the same.
fn queries(subject: &Subject<'_>) -> Result<Vec<Query>, EngineError> {
    dashboards::queries(&Files::embedded()).map_err(subject.endpoint.failed("read the dashboards"))
}

/// What can be asked for: the engines that run, the metrics that they tell, and what is recorded of these.
struct Offer {
    engines: BTreeSet<String>,
    live: BTreeSet<String>,
    rules: Vec<Rule>,
}

impl Offer {
    async fn of(subject: &Subject<'_>) -> Result<Self, EngineError> {
        let prometheus = Prometheus::of(subject.endpoint)?;
        Ok(Self {
            engines: subject.neighbours.keys().cloned().collect(),
            live: prometheus.names().await?,
            rules: prometheus.rules().await?,
        })
    }

    /// Whether `expression` owes data: of an engine that runs, out of one metric at least that is offered.
    fn answers(&self, expression: &str) -> bool {
        let runs = |engine: &&str| self.engines.contains(&format!("suho-{engine}"));
        engines_in(expression).iter().all(runs)
            && metrics_in(expression)
                .iter()
                .any(|metric| self.holds(metric, expression))
    }

    /// Whether `metric` is offered, of the engines that `expression` names; what is recorded is, where its source is.
    fn holds(&self, metric: &str, expression: &str) -> bool {
        let engines = engines_in(expression);
        let recordings: Vec<_> = self
            .rules
            .iter()
            .filter(|rule| rule.state.is_none() && rule.name == metric)
            .filter(|rule| {
                let engine = rule.labels.get("engine");
                engines.is_empty() || engine.is_none_or(|engine| engines.contains(engine.as_str()))
            })
            .collect();
        if recordings.is_empty() {
            return self.live.contains(metric) || why_not_offered(metric, &self.live).is_none();
        }
        recordings.iter().any(|rule| self.answers(&rule.query))
    }
}

/// Why `metric` need not be among those that are `live`.
fn why_not_offered(metric: &str, live: &BTreeSet<String>) -> Option<&'static str> {
    NOT_OFFERED
        .iter()
        .filter(|(beginning, _)| metric.starts_with(beginning))
        .find(|(beginning, _)| !live.iter().any(|name| name.starts_with(beginning)))
        .map(|(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_missed_where_others_of_its_kind_are_there() {
        let live = BTreeSet::from(["dragonfly_memory_used_bytes".to_owned()]);

        assert_eq!(why_not_offered("dragonfly_memory_usd_bytes", &live), None);
        assert_eq!(why_not_offered("arangodb_x", &live), Some("ArangoDB is absent"));
        assert_eq!(why_not_offered("kafka_x", &live), None);
    }
}
