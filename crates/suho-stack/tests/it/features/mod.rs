//! Each feature check holds on a running stack, and fails where its feature is broken.
//!
//! # Layout
//! - here: the stack that these tests share while any of them runs.
//! - A file per engine: its checks by name, and each of them with its feature really broken.

mod clickhouse;
mod dragonflydb;
mod kafka;
mod nats;
mod postgresql;
mod weaviate;
mod zookeeper;

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};

use suho_stack::{
    engines::{self, Endpoint, EngineError, Evidence, Subject},
    stack::{ImageSource, Stack},
};
use tokio::sync::Mutex;

/// The stacks of the tests that run now, by their engines; the last test of each takes it along.
static SHARED: Mutex<BTreeMap<Vec<&'static str>, Weak<Stack>>> = Mutex::const_new(BTreeMap::new());

/// A stack of `engines`, started by the first test that asks and removed after the last.
async fn shared(engines: &[&'static str]) -> Arc<Stack> {
    let mut shared = SHARED.lock().await;
    if let Some(stack) = shared.get(engines).and_then(Weak::upgrade) {
        return stack;
    }
    let builder = Stack::builder().engines(engines.iter().copied());
    let stack = Arc::new(builder.images(ImageSource::Airgap).start().await.unwrap());
    shared.insert(engines.to_vec(), Arc::downgrade(&stack));
    stack
}

/// Runs the check `name` of the first of `engines` against the stack that they share.
async fn check(engines: &[&'static str], name: &str) -> Result<Evidence, EngineError> {
    let stack = shared(engines).await;
    let neighbours = stack.endpoints();
    let service = engines[0];
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
