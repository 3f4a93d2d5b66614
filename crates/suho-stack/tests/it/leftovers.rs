use std::{panic::catch_unwind, time::Duration};

use rstest::rstest;
use suho_stack::{runtime::Docker, stack::Stack};

use crate::{left_behind, unique};

#[tokio::test]
async fn a_stop_removes_all_and_says_so() {
    let name = unique("stopped");
    let stack = Stack::builder().name(&name).engines(["nats"]).start().await.unwrap();

    let swept = stack.stop().await.unwrap();

    assert_eq!((swept.containers, swept.networks, swept.volumes), (1, 1, 1));
    assert!(left_behind(&name).await.is_empty());
}

#[tokio::test]
async fn a_dropped_stack_is_gone() {
    let name = unique("dropped");

    drop(Stack::builder().name(&name).engines(["nats"]).start().await.unwrap());

    assert!(left_behind(&name).await.is_empty());
}

/// Cut at several moments: while networks and volumes are made, while containers are, while engines are waited for.
#[rstest]
#[tokio::test]
async fn a_cancelled_start_leaves_nothing(#[values(50, 200, 500, 1_000)] milliseconds: u64) {
    let name = unique("cancelled");
    let start = Stack::builder().name(&name).engines(["nats", "postgresql"]).start();

    let ended = tokio::time::timeout(Duration::from_millis(milliseconds), start).await;

    assert!(ended.is_err(), "PostgreSQL started within {milliseconds} ms");
    assert!(left_behind(&name).await.is_empty());
}

#[test]
fn a_panicking_test_leaves_nothing() {
    let name = unique("panicked");
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };

    let panicked = catch_unwind(|| {
        runtime().block_on(async {
            let _stack = Stack::builder().name(&name).engines(["nats"]).start().await.unwrap();
            panic!("as a failed assertion does");
        });
    });

    assert!(panicked.is_err());
    assert!(runtime().block_on(left_behind(&name)).is_empty());
}

#[test]
fn a_stack_dropped_outside_of_any_runtime_is_gone() {
    let name = unique("outside");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stack = runtime
        .block_on(Stack::builder().name(&name).engines(["nats"]).start())
        .unwrap();

    drop(runtime);
    drop(stack);

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listed = runtime.block_on(async { Docker::connect().await.unwrap().list_containers().await.unwrap() });
    assert!(listed.iter().all(|container| container.stack != name));
}
