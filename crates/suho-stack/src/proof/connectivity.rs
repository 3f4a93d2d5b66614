//! Each engine serves its user, by a write and a read, and refuses strangers.

use std::{
    collections::BTreeMap,
    future::Future,
    time::{Duration, Instant},
};

use futures::future::join_all;

use super::{Check, Report, Row, Verdict};
use crate::engines::{self, Endpoint, Engine, EngineError, Refusals};

/// Asks every engine of `endpoints` at once; those of `absent` are rows with their reason.
///
/// Both are keyed by compose service. A service that this build has no client for is a row that says so.
pub async fn connectivity(endpoints: &BTreeMap<String, Endpoint>, absent: &BTreeMap<String, String>) -> Report {
    let asked = join_all(endpoints.iter().map(|(service, endpoint)| async move {
        match engines::by_service(service) {
            Some(engine) => ask(engine, endpoint).await,
            None => vec![row(service, not_offered("this build has no client for it"))],
        }
    }))
    .await;
    let mut rows: Vec<Row> = asked.into_iter().flatten().collect();
    rows.extend(
        absent
            .iter()
            .map(|(service, reason)| row(service, not_offered(&format!("absent: {reason}")))),
    );
    rows.sort_by(|a, b| (&a.service, a.check).cmp(&(&b.service, b.check)));
    Report { rows }
}

async fn ask(engine: &dyn Engine, endpoint: &Endpoint) -> Vec<Row> {
    let (round_trip, strangers) = tokio::join!(
        timed(async { engine.round_trip(endpoint).await.map_or_else(verdict_of, passed) }),
        timed(async { engine.refuse_strangers(endpoint).await.map_or_else(verdict_of, refused) }),
    );
    [(Check::RoundTrip, round_trip), (Check::Strangers, strangers)]
        .into_iter()
        .map(|(check, (verdict, took))| Row {
            service: endpoint.service.clone(),
            check,
            verdict,
            took,
        })
        .collect()
}

async fn timed(verdict: impl Future<Output = Verdict>) -> (Verdict, Duration) {
    let began = Instant::now();
    (verdict.await, began.elapsed())
}

/// A row of a service that nothing was asked of.
fn row(service: &str, verdict: Verdict) -> Row {
    Row {
        service: service.to_owned(),
        check: Check::RoundTrip,
        verdict,
        took: Duration::ZERO,
    }
}

fn passed(evidence: String) -> Verdict {
    Verdict::Passed { evidence }
}

fn refused(refusals: Refusals) -> Verdict {
    match refusals {
        Refusals::Refused { wrong, missing } if wrong == missing => passed(wrong),
        Refusals::Refused { wrong, missing } => passed(format!("{wrong} | {missing}")),
        Refusals::NotOffered(reason) => not_offered(reason),
    }
}

fn not_offered(reason: &str) -> Verdict {
    Verdict::NotOffered {
        reason: reason.to_owned(),
    }
}

fn verdict_of(error: EngineError) -> Verdict {
    match error {
        EngineError::NotPublished { service, port } => Verdict::NotAskable {
            reason: format!("port {port} of {service} is not published; ask from a container on its network"),
        },
        error => Verdict::Failed {
            error: format!("failed to {}", error.in_full()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::Place;

    #[tokio::test]
    async fn absent_engines_are_rows_and_unreachable_ones_are_failures() {
        let unreachable = Endpoint {
            service: "suho-nats-server".to_owned(),
            place: Place::Host,
            host: "127.0.0.1".to_owned(),
            ports: BTreeMap::from([(4222, 1)]),
            environment: BTreeMap::new(),
        };
        let endpoints = BTreeMap::from([("suho-nats-server".to_owned(), unreachable)]);
        let absent = BTreeMap::from([("suho-arangodb".to_owned(), "no package".to_owned())]);

        let report = connectivity(&endpoints, &absent).await;

        assert_eq!(report.rows.len(), 3);
        assert_eq!(report.rows[0].verdict, not_offered("absent: no package"));
        assert!(!report.is_fine());
    }
}
