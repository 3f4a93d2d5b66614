//! With PostgreSQL, whose rooms take the longest to make.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use futures::future::join_all;
use suho_stack::{
    deployment::Files,
    stack::{Stack, tenants::Stage},
};

use super::errand::{Act, another_process, eventually, lodgers};
use crate::unique;

const ENGINE: &str = "postgresql";
const SETTINGS: &str = "postgresql.conf";

/// Without syncing, as a stack that is lent: each removal of a database waits for a checkpoint.
async fn stack() -> Stack {
    let files = Files::embedded();
    let settings = files.text(SETTINGS).unwrap().to_owned() + "\nfsync = off\nfull_page_writes = off\n";
    let builder = Stack::builder().name(unique("pool")).engines([ENGINE]);
    builder.files(files.with(SETTINGS, settings)).start().await.unwrap()
}

#[tokio::test]
async fn what_this_process_made_ahead_is_handed_to_another_within_milliseconds() {
    let stack = stack().await;
    stack.tenant().await.unwrap().room(ENGINE).await.unwrap();
    eventually("four rooms wait", || lodgers(&stack, &[Stage::Ready]).len() == 4);
    let ready: Vec<_> = lodgers(&stack, &[Stage::Ready])
        .into_iter()
        .map(|lodger| lodger.room.to_string())
        .collect();

    let other = another_process(&stack, ENGINE, Act::Leave).output().unwrap();

    let printed = String::from_utf8_lossy(&other.stdout).into_owned();
    let room = printed.split("room=").nth(1).unwrap().lines().next().unwrap();
    assert!(ready.iter().any(|ready| ready == room), "{room} of {ready:?}");

    let mut taken = Vec::new();
    for _ in 0..20 {
        eventually("a room waits", || !lodgers(&stack, &[Stage::Ready]).is_empty());
        let tenant = stack.tenant().await.unwrap();
        let start = Instant::now();
        tenant.room(ENGINE).await.unwrap();
        taken.push(start.elapsed());
    }
    taken.sort();
    println!("hand-over of PostgreSQL: p50 {:?}, max {:?}", taken[10], taken[19]);
    assert!(taken[10] < Duration::from_millis(2), "{taken:?}");
    stack.stop().await.unwrap();
}

#[tokio::test]
async fn a_steady_stream_of_tenants_is_served_and_leaves_nothing() {
    const TENANTS: usize = 64;
    const TOGETHER: usize = 32;
    let stack = stack().await;
    // The template is made once, by whoever is first.
    stack.tenant().await.unwrap().room(ENGINE).await.unwrap();

    let next = AtomicUsize::new(0);
    let start = Instant::now();
    let lanes = (0..TOGETHER).map(|_| async {
        while next.fetch_add(1, Ordering::Relaxed) < TENANTS {
            let tenant = stack.tenant().await.unwrap();
            let client = tenant.postgresql().await.unwrap().connect().await.unwrap();
            client.execute("CREATE TABLE mine (id bigint)", &[]).await.unwrap();
        }
    });
    join_all(lanes).await;
    let taken = start.elapsed();
    println!("{TENANTS} tenants, {TOGETHER} at a time: {taken:.1?}");

    eventually("what is used is removed", || {
        lodgers(&stack, &[Stage::Taken, Stage::Used, Stage::Making]).is_empty()
    });
    println!("all removed after {:.1?}", start.elapsed());
    assert!(lodgers(&stack, &[Stage::Ready]).len() <= 6);
    stack.stop().await.unwrap();
}
