//! What an alert is to be woken for, made to happen and undone.
//!
//! # Layout
//! - here: a cause, what undoes it, and the list of all.
//! - A file per engine: what can go wrong with it.

mod clickhouse;
mod dragonflydb;
mod kafka;
mod nats;
pub mod postgresql;
mod weaviate;
mod zookeeper;

use std::process::Command;

use futures::future::BoxFuture;
use suho_stack::stack::Stack;

/// Enough for the alerts of consumers, which look away below a thousand.
const BACKLOG: usize = 1_100;

/// A cause, and the alerts that it is to wake somebody by.
pub struct Cause {
    pub alerts: &'static [&'static str],
    pub make: Box<dyn FnOnce() -> BoxFuture<'static, Made> + Send>,
}

/// A cause that has been made.
pub struct Made(Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>);

impl Made {
    fn undone_by<F: Future<Output = ()> + Send + 'static>(undo: impl FnOnce() -> F + Send + 'static) -> Self {
        Self(Box::new(move || Box::pin(undo())))
    }

    pub async fn undo(self) {
        (self.0)().await;
    }
}

fn cause<F: Future<Output = Made> + Send + 'static>(
    alerts: &'static [&'static str],
    make: impl FnOnce() -> F + Send + 'static,
) -> Cause {
    Cause {
        alerts,
        make: Box::new(move || Box::pin(make())),
    }
}

/// Every cause, by engine: those of one engine stand in each other's way, and are made one after another.
pub fn by_engine(stack: &Stack) -> Vec<Vec<Cause>> {
    let endpoint = |service| stack.endpoint(service).unwrap().clone();
    let container = |service| stack.state().member(service).unwrap().container.clone();
    vec![
        postgresql::causes(stack.state()),
        clickhouse::causes(&endpoint("suho-clickhouse")),
        dragonflydb::causes(endpoint("suho-dragonflydb")),
        weaviate::causes(container("suho-weaviate")),
        nats::causes(&endpoint("suho-nats-server")),
        kafka::causes(endpoint("suho-kafka"), container("suho-kafka")),
        zookeeper::causes(endpoint("suho-zookeeper")),
    ]
}

async fn docker(arguments: &[&str]) -> String {
    let mut docker = Command::new("docker");
    docker.args(arguments);
    let output = tokio::task::spawn_blocking(move || docker.output())
        .await
        .unwrap()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
