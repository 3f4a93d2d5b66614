//! Each feature check holds on a running stack, and fails where its feature is broken.
//!
//! # Layout
//! - here: the engines of the warm stack, asked one by one.
//! - A file per engine: its checks by name, and each of them with its feature really broken.

mod clickhouse;
mod dragonflydb;
mod kafka;
mod nats;
mod postgresql;
mod weaviate;
mod zookeeper;

use std::collections::BTreeMap;

use suho_stack::engines::{self, Endpoint, EngineError, Evidence, Subject};

use crate::warm;

/// The warm stack as if it had these services alone.
async fn served(services: &[&str]) -> BTreeMap<String, Endpoint> {
    let mut endpoints = warm::stack().await.endpoints();
    endpoints.retain(|service, _| services.contains(&service.as_str()));
    endpoints
}

/// Runs the check `name` of the first of `services` beside the others.
async fn check(services: &[&str], name: &str) -> Result<Evidence, EngineError> {
    let neighbours = served(services).await;
    let service = services[0];
    let feature = engines::by_service(service)
        .unwrap()
        .features()
        .iter()
        .find(|feature| feature.name == name)
        .unwrap_or_else(|| panic!("{service} has no check {name}"));
    (feature.check)(&subject(&neighbours, service)).await
}

/// The engine of `service`, which nobody may restart.
fn subject<'a>(neighbours: &'a BTreeMap<String, Endpoint>, service: &str) -> Subject<'a> {
    Subject {
        endpoint: &neighbours[service],
        neighbours,
        restart: None,
    }
}

/// A check failed, and its words say what is wrong.
fn assert_says(outcome: Result<Evidence, EngineError>, words: &[&str]) {
    let error = outcome.unwrap_err().in_full();
    for words in words {
        assert!(error.contains(words), "{error}");
    }
}

/// Every check that an engine offers has a case among the tests `cases`.
fn every_check_is_a_case(service: &str, cases: &[&str]) {
    let features = engines::by_service(service).unwrap().features();
    let mut named: Vec<_> = features.iter().map(|feature| feature.name).collect();
    let mut cases = cases.to_vec();
    named.sort_unstable();
    cases.sort_unstable();
    assert_eq!(named, cases);
}
